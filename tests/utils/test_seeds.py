"""Random numbers are a function of (purpose, keys): the same in every process, different for all else."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.seeds import derive, numpy_generator, seed_global, torch_generator

NUMBERS = """
import torch
from utils.seeds import derive, numpy_generator, seed_global, torch_generator
print(derive("order", 1, 2), numpy_generator("order", 1, 2).permutation(20).tolist())
print(torch.rand(3, generator=torch_generator("augment", 7)).tolist())
seed_global("weights", 3)
print(torch.rand(3).tolist())
"""


def test_another_process_with_another_hash_seed_draws_the_same(other_process):
    # trap: PYTHONHASHSEED set at run time changes nothing, so nothing may depend on it
    seed_global("weights", 3)
    here = [
        f"{derive('order', 1, 2)} {numpy_generator('order', 1, 2).permutation(20).tolist()}",
        str(torch.rand(3, generator=torch_generator("augment", 7)).tolist()),
        str(torch.rand(3).tolist()),
    ]
    assert other_process(NUMBERS).splitlines() == here


def test_a_trailing_zero_is_another_key():
    # numpy's SeedSequence takes (1, 2) and (1, 2, 0) for the same
    assert derive("order", 1, 2) != derive("order", 1, 2, 0)
    first, second = numpy_generator("order", 1, 2), numpy_generator("order", 1, 2, 0)
    assert first.random() != second.random()


def test_purposes_do_not_share_numbers():
    assert derive("order", 1) != derive("augment", 1)
    first = torch.rand(8, generator=torch_generator("order", 1))
    assert not torch.equal(first, torch.rand(8, generator=torch_generator("augment", 1)))
    assert numpy_generator("order", 1).random() != numpy_generator("folds", 1).random()


def test_a_generator_has_no_memory_of_others():
    expected = numpy_generator("order", 5, 1).random(4)
    numpy_generator("order", 5, 0).random(100)
    torch.rand(100)
    assert np.array_equal(numpy_generator("order", 5, 1).random(4), expected)


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 500)), min_size=2, max_size=20, unique=True))
def test_different_keys_give_different_63_bit_seeds(keys):
    seeds = [derive("order", *pair) for pair in keys]
    assert len(set(seeds)) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)


DETERMINISTIC = """
import sys, torch
sys.modules.pop("torch._inductor.config", None)  # as in a process that has not compiled anything yet
from utils.seeds import make_deterministic
make_deterministic()
by_us = torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode()
import torch._inductor.config
by_us += (torch._inductor.config.deterministic,)
torch.use_deterministic_algorithms(False)
torch.use_deterministic_algorithms(True)
by_torch = torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode()
print(by_us == (*by_torch, torch._inductor.config.deterministic), by_us)
"""


def test_determinism_is_asked_for_as_torch_does_it(other_process):
    assert other_process(DETERMINISTIC) == "True (True, 2, True)\n"


def test_a_negative_key_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        derive("order", -1)

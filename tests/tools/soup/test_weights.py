"""The mean of weights and the greedy choice, by themselves."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from tools.soup.weights import greedy, mean_weights


def weights(seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(3, 4, generator=generator)
    return {"a": values, "half": values.half(), "count": torch.tensor(seed)}


def test_the_mean_is_of_each_tensor_in_its_own_type_and_counters_are_the_firsts():
    found = mean_weights([weights(seed) for seed in range(5)])
    expected = sum(weights(seed)["a"].double() for seed in range(5)) / 5
    torch.testing.assert_close(found["a"].double(), expected, atol=1e-7, rtol=0)
    assert {name: value.dtype for name, value in found.items()} == {
        name: value.dtype for name, value in weights(0).items()
    }
    assert found["count"] == 0


def test_the_mean_of_one_and_of_equals_is_that_one_bit_for_bit():
    for count in (1, 2, 3, 7):
        found = mean_weights([weights(3)] * count)
        assert all(torch.equal(value, weights(3)[name]) for name, value in found.items())


@given(st.lists(st.integers(0, 6), min_size=64, max_size=64), st.integers(1, 6))
def test_greedy_takes_what_does_not_lower_the_score_and_never_ends_below_its_best(values, count):
    subsets = [s for n in range(1, count + 1) for s in itertools.combinations(range(count), n)]
    score = dict(zip(subsets, itertools.cycle(values), strict=False))
    order = sorted(range(count), key=lambda one: -score[(one,)])
    asked = []

    def noting(tried):
        asked.append(tried)
        return score[tried]

    chosen = greedy(order, noting)
    assert score[chosen] >= max(score[(one,)] for one in range(count))
    assert len(asked) == count  # each is tried once
    soup = (order[0],)
    for one in order[1:]:
        tried = tuple(sorted((*soup, one)))
        soup = tried if score[tried] >= score[soup] else soup
    assert chosen == soup

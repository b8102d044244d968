"""Random numbers that depend on (purpose, seed, epoch, batch) and on nothing else.

Nothing here keeps a position, so there is no random state to save: a run that is resumed, or that reads
its batches in other threads, draws the same numbers as one that was never stopped.
"""

import os
import random
import zlib

import numpy as np
import torch

# Those that keep a position.
GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def _keys(purpose: str, keys: tuple[int, ...]) -> tuple[int, ...]:
    # The length keeps (1, 2) and (1, 2, 0) apart, which SeedSequence would not.
    return (zlib.crc32(purpose.encode()), len(keys), *keys)


def derive(purpose: str, *keys: int) -> int:
    """Return a 63-bit seed that is a fixed function of a purpose and of non-negative integers."""
    sequence = np.random.SeedSequence(_keys(purpose, keys))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def torch_generator(purpose: str, *keys: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh torch generator for these keys on ``device``."""
    return torch.Generator(device).manual_seed(derive(purpose, *keys))


def numpy_generator(purpose: str, *keys: int) -> np.random.Generator:
    """Return a fresh numpy generator for these keys."""
    return np.random.default_rng(_keys(purpose, keys))


def seed_global(purpose: str, *keys: int) -> None:
    """Seed torch's global generators: dropout and weight initialisation have no other.

    The numbers are those of ``torch.manual_seed``, which also asks devices that nobody uses and formats
    Python's stack for each of them: up to 2 ms, once a batch. A GPU is seeded once it is in use.
    """
    seed = derive(purpose, *keys)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


def positions_in_python() -> dict[str, object]:
    """Return, by name, where the global generators of Python and NumPy stand: who draws moves them."""
    numbers = np.random.get_state(legacy=False)["state"]  # noqa: NPY002  # that of whoever draws from it
    return {
        "the random numbers of Python": random.getstate(),
        "the random numbers of NumPy": (numbers["pos"], numbers["key"].tobytes()),
    }


def positions() -> dict[str, object]:
    """Return the same with the one of PyTorch on the CPU."""
    drawn = torch.default_generator.get_state()
    return positions_in_python() | {"the random numbers of PyTorch": drawn.numpy().tobytes()}


def make_deterministic() -> None:
    """Ask torch for the same bits on every run on one machine (raises where it can't)."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # These two are what use_deterministic_algorithms(True) does, which imports the compiler for it: seconds.
    os.environ.setdefault("TORCHINDUCTOR_DETERMINISTIC", "1")
    torch.set_deterministic_debug_mode("error")
    # Filling every new tensor finds reads of memory that was never written; it costs a pass over each.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def allow_any_kernels() -> None:
    """Take back ``make_deterministic``: layers without a deterministic kernel work, others may be faster."""
    torch.set_deterministic_debug_mode("default")
    torch.backends.cudnn.benchmark = True

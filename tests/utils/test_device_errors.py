"""A full device and a layer without a deterministic kernel are the user's errors, with what to write."""

import pytest
import torch

from utils.device_errors import explained
from utils.errors import ConfigError

CPU = torch.device("cpu")


def refused(error: BaseException) -> str:
    with pytest.raises(ConfigError) as found, explained(CPU, "Steps of batch_size = 64 images", "Write 32."):
        raise error
    return str(found.value)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError()]
)
def test_a_full_device_says_what_to_write(error: BaseException) -> None:
    message = refused(error)
    assert message.startswith("Steps of batch_size = 64 images don't fit into the memory of the CPU")
    assert message.endswith("Write 32.")


def test_more_memory_than_the_machine_has_is_the_same_error() -> None:
    with pytest.raises(ConfigError, match="don't fit into the memory of the CPU"), explained(CPU, "They", ""):
        torch.empty(2**60, dtype=torch.uint8)


def test_a_layer_without_a_deterministic_kernel_names_the_key() -> None:
    error = RuntimeError(
        "reflection_pad2d_backward_cuda does not have a deterministic implementation, but you set ..."
    )
    message = refused(error)
    assert message.startswith("reflection_pad2d_backward_cuda has no kernel on the CPU")
    assert "[run] deterministic = no" in message


def test_our_own_errors_stay_loud() -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained(CPU, "They", ""):
        raise RuntimeError("shapes differ")

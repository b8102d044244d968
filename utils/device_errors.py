"""What a device can't do, as the user's error: it is full, or a layer has no deterministic kernel there."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from utils.device import describe
from utils.errors import ConfigError

_NO_ROOM_ON_CPU = "can't allocate memory"  # in the RuntimeError of PyTorch's allocator
_NOT_DETERMINISTIC = "does not have a deterministic implementation"


@contextmanager
def explained(device: torch.device, what: str, advice: str) -> Iterator[None]:
    """Turn what PyTorch raises inside into one sentence with the keys to change.

    Args:
        what: is computed, such as ``batch_size = 64 images of 224 x 224``.
        advice: what to write where it does not fit.

    Raises:
        ConfigError: the device has no room for it, or no kernel that gives the same bits on every run.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _full(device, what, advice) from error
    except RuntimeError as error:
        if _NO_ROOM_ON_CPU in str(error):
            raise _full(device, what, advice) from error
        if _NOT_DETERMINISTIC in str(error):
            operation = str(error).split(_NOT_DETERMINISTIC)[0].strip()
            raise ConfigError(
                f"{operation} has no kernel on {describe(device)} that gives the same bits on every run. "
                "Write [run] deterministic = no (runs then differ a little), or choose another model."
            ) from error
        raise


def _full(device: torch.device, what: str, advice: str) -> ConfigError:
    return ConfigError(f"{what} don't fit into the memory of {describe(device)}. {advice}")

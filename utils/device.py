"""Which device computes, in which precision, and from which memory."""

import ctypes
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from utils.errors import ConfigError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]


def keep_freed_memory() -> None:
    """Ask the C library to reuse freed memory instead of giving it back to the system; only glibc can.

    A step on a CPU makes and frees tensors of megabytes, each of which would otherwise come as fresh pages
    that the system has to clear first: an eighth of a step, measured with two small nets.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # constants of malloc.h
        mallopt(_M_MMAP_THRESHOLD, 2**30)  # bytes from which a piece of memory is the system's own
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)  # free bytes at the end that go back to the system


def pick_device(name: str) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        ConfigError: there is no such device on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"[run] device = {name!r} can't be used: {reason} Use auto, cpu, cuda or cuda:N."
        ) from None
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # events and streams that name no GPU are then of this one
    return device


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes are free on a GPU; None for a device that has no memory of its own to ask for."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


@dataclass(frozen=True, slots=True)
class Precision:
    """The type that matrix products run in; weights stay float32.

    ``auto`` is bfloat16 on a GPU that has it, float16 on an older one and float32 on a CPU, where
    bfloat16 without special instructions is five times slower.
    """

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def named(cls, name: PrecisionName, device: torch.device) -> "Precision":
        if name != "auto":
            return cls(device, getattr(torch, name))
        if device.type != "cuda":
            return cls(device, torch.float32)
        return cls(device, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)

    def facts(self) -> dict[str, str | int]:
        """Return what the bits of a result depend on beside the config: how numbers are added up."""
        return {
            "device": str(self.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
        }

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which a model runs."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def scaler(self) -> torch.amp.GradScaler:
        """Return the gradient scaler; it does nothing unless the type is float16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)

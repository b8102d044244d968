"""Which device computes, in which precision, and from which memory."""

import ctypes
import logging
import shutil
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from utils.errors import ConfigError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
PrecisionName = Literal["auto", "float32", "tf32", "bfloat16", "float16"]
EvalPrecision = Literal["auto", "float32", "bfloat16"]
log = logging.getLogger("podium")


def keep_freed_memory() -> None:
    """Ask the C library to reuse freed memory instead of giving it back to the system; only glibc can.

    A step on a CPU makes and frees tensors of megabytes, each of which would otherwise come as fresh pages
    that the system has to clear first: an eighth of a step, measured with two small nets, and a third of a
    prediction in threads.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # constants of malloc.h
        mallopt(_M_MMAP_THRESHOLD, 2**30)  # bytes from which a piece of memory is the system's own
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)  # free bytes at the end that go back to the system
        mallopt(
            _M_ARENA_MAX, 1
        )  # what one thread has freed is there for all others: none has a heap of its own


def pick_device(name: str) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        ConfigError: there is no such device on this machine, or this PyTorch can't use it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu" and (reason := _why_no_gpu()):
            log.warning("There is a GPU, but PyTorch can't use it, so the CPU computes: %s", reason)

    try:
        device = torch.device(name)
        _check_kind(device)
        torch.zeros(1, device=device).add_(1)  # a kernel: a card that PyTorch has none for fails here
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = f"{_first_line(error)} {_cards()}".strip()
        raise ConfigError(
            f"[run] device = {name!r} can't be used: {reason} Use auto, cpu, cuda or cuda:N."
        ) from None

    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # events and streams that name no GPU are then of this one
    return device


def _check_kind(device: torch.device) -> None:
    """Refuse kinds of devices on which nothing of Podium has ever run."""
    if device.type not in ("cpu", "cuda"):
        raise NotImplementedError(f"Podium computes on CPUs and NVIDIA GPUs; {device.type} was never tried.")


def _why_no_gpu() -> str | None:
    """Return why PyTorch can't use a GPU that the machine seems to have; None where there is none."""
    if torch.version.cuda is None or not (Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi")):
        return None
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return _first_line(error)
    return None


def _cards() -> str:
    """Return which cards there are and which ones this PyTorch is built for, if they are not the same."""
    if not torch.cuda.is_available():
        return ""
    built_for = torch.cuda.get_arch_list()
    there = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    missing = [card for card in there if (card.major, card.minor) < _oldest(built_for)]
    if not missing:
        return ""
    names = ", ".join(f"{card.name} (sm_{card.major}{card.minor})" for card in missing)
    return (
        f"This PyTorch {torch.__version__} is built for {' '.join(built_for)}, which leaves out {names}: "
        "install a build of PyTorch for an older CUDA, such as 12.6, or write device = cpu."
    )


def _oldest(built_for: list[str]) -> tuple[int, int]:
    """Return the least compute capability that kernels named like ``sm_75`` run on."""
    numbers = [int(name.rpartition("_")[2].rstrip("af")) for name in built_for if name.startswith("sm_")]
    return divmod(min(numbers, default=0), 10)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def describe(device: torch.device) -> str:
    """Return a device in words: its name and how much memory it has, or how many threads compute."""
    if device.type != "cuda":
        threads = torch.get_num_threads()
        return f"the CPU ({threads} thread{'s' if threads > 1 else ''})"
    card, free = torch.cuda.get_device_properties(device), free_memory(device) or 0
    return f"{card.name} ({device}, {free / 1e9:.0f} of {card.total_memory / 1e9:.0f} GB free)"


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes a GPU has left, those that PyTorch keeps for itself and would use again included.

    None for a device that has no memory of its own to ask for.
    """
    if device.type != "cuda":
        return None
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def cpu_has_bfloat16() -> bool:
    """Tell whether the CPU multiplies in bfloat16 (AVX512-BF16 or AMX), and does not only emulate it."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is None:  # PyTorch before 2.12
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    has = ask()
    return any(has.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


@cache
def constant(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """Return float32 numbers on a device, copied there once: a copy in each step makes the GPU run dry.

    Everybody gets the same tensor, so nobody may change it.
    """
    with torch.inference_mode(False):  # one made for inference could not be used in training afterwards
        return torch.tensor(values, device=device)


def without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """Return the context in which a part of a model runs in the precision of its inputs."""
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


@dataclass(frozen=True, slots=True)
class Precision:
    """The type that matrix products run in; weights stay float32.

    ``auto`` is bfloat16 on a GPU that has it, float16 on an older one and float32 on a CPU, where
    bfloat16 without special instructions is five times slower; where a CPU has them, a long run measures
    which is faster and then names it. ``tf32`` keeps float32 but lets a GPU
    round what it multiplies to 10 bits, which is faster; ``float32`` does not.
    """

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def named(cls, name: PrecisionName, device: torch.device) -> "Precision":
        torch.backends.cudnn.allow_tf32 = name == "tf32"  # PyTorch's default rounds convolutions only
        torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
        if name == "tf32":
            return cls(device, torch.float32)
        if name != "auto":
            return cls(device, getattr(torch, name))
        if device.type != "cuda":
            return cls(device, torch.float32)
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)  # a T4 only emulates it
        return cls(device, torch.bfloat16 if has_bfloat16 else torch.float16)

    def __str__(self) -> str:
        """Return the device and the precision in words."""
        return f"{describe(self.device)}, {self.name}"

    @property
    def name(self) -> str:
        """What the config calls it."""
        rounded = self.dtype == torch.float32 and torch.backends.cudnn.allow_tf32
        return "tf32" if rounded else str(self.dtype).removeprefix("torch.")

    def facts(self) -> dict[str, str | int]:
        """Return what the bits of a result depend on beside the config: how numbers are added up."""
        return {
            "device": str(self.device),
            "precision": self.name,
            "threads": torch.get_num_threads(),
        }

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which a model runs."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def scaler(self) -> torch.amp.GradScaler:
        """Return the gradient scaler; it does nothing unless the type is float16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)

"""A few steps with images that mean nothing: how much time and memory a step takes, before a run begins."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from inference.folded import WatchedNorms, folded
from models.columns import with_blank
from utils.device import Precision

_PIXEL_VALUES = 256
_FAR, _LONG = 1.5, 0.05  # times as long, and seconds: more than what one step differs from the next by


def step_on(model: nn.Module, images: Tensor, precision: Precision) -> None:
    """Go through a model with uint8 images (N, 3, H, W) and back; its weights stay, its gradients go."""
    with precision.autocast():
        logits = model(*with_blank(model, images))
    torch.stack([values.float().square().mean() for values in logits.values()]).sum().backward()  # type: ignore[no-untyped-call]
    model.zero_grad(set_to_none=True)


@contextmanager
def evaluated(model: nn.Module, images: Tensor) -> Iterator[None]:
    """Let a model be as validation asks it: in eval mode, its norms as part of its convolutions."""
    model.eval()
    norms = WatchedNorms(model)
    with norms:
        answer(model, images, Precision(images.device, torch.float32))
    with folded(norms.pairs()):
        yield
    model.train()


def answer(model: nn.Module, images: Tensor, precision: Precision) -> None:
    """Go through a model with uint8 images (N, 3, H, W), and only that."""
    with torch.inference_mode(), precision.autocast():
        model(*with_blank(model, images))


def drawn(images: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return as many random images (N, 3, H, W) of a height and width."""
    return torch.randint(0, _PIXEL_VALUES, (images, 3, *size), dtype=torch.uint8).to(device)


@contextmanager
def on_trial(model: nn.Module) -> Iterator[nn.Module]:
    """Give a model in training mode; random numbers go on afterwards as if nothing had been drawn."""
    on_gpu = next(model.parameters()).device.type == "cuda"
    devices = [torch.cuda.current_device()] if on_gpu else []
    with torch.random.fork_rng(devices=devices):
        yield model.train()


def fastest(
    works: Sequence[Callable[[], object]], times: int, *, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the shortest time that each of several works took on a CPU, in turns, after one to warm up.

    Args:
        times: turns at most: there are no more once one work is far slower than another, if both are long.
    """
    shortest = [math.inf] * len(works)
    for turn in range(times + 1):
        for number, work in enumerate(works):
            started = clock()
            work()
            if turn:
                shortest[number] = min(shortest[number], clock() - started)
        if turn and min(shortest) > _LONG and max(shortest) > _FAR * min(shortest):
            break
    return shortest


def peak_of(model: nn.Module, images: Tensor, precision: Precision) -> int:
    """Return about how many bytes a step takes at most, what lies there before it not counted.

    On a GPU it is what PyTorch's allocator counted. A CPU's memory has no such counter: there it is what the
    forward pass keeps for the backward one, each piece of memory once, and half as much again for what comes
    and goes.
    """
    device = precision.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step_on(model, images, precision)
        return torch.cuda.max_memory_allocated(device) - before

    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        step_on(model, images, precision)
    return sum(kept.values()) * 3 // 2


def most_that_fit(peak: Callable[[int], int], free: int, images: int) -> int:
    """Return the largest divisor of ``images`` whose step fits into ``free`` bytes.

    A step's peak is a straight line of the number of images, so two sizes tell all of them.

    Args:
        peak: measures the bytes that a step of so many images takes.

    Returns:
        1 where nothing fits, which then fails by itself with words that say what to do.
    """
    divisors = [size for size in range(1, images + 1) if images % size == 0]
    few = divisors[:3][-1]
    if few == images:
        return images
    more = next(size for size in divisors if size > few)
    low, high = peak(few), peak(more)
    each = max(0.0, (high - low) / (more - few))
    return max((size for size in divisors if low + each * (size - few) <= free), default=1)

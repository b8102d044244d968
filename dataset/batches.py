"""Batches of prepared images: in random order for training, in row order for evaluation."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.images.store import ImageSource
from dataset.samplers.base import Sampler
from dataset.tasks.base import Targets
from utils.pace import Pace

_MOST = 128  # images of a batch whose size nobody chose
_CPU_PIXELS = 3_000_000  # of a batch on a CPU, about


@dataclass(frozen=True, slots=True)
class Batch:
    """``images`` uint8 (N, 3, H, W), ``targets`` float (N, K) per space, ``rows`` (N) of the table.

    One of training also knows when it is trained on, which all its randomness depends on beside the seed.
    """

    images: Tensor
    targets: Targets
    rows: NDArray[np.int64]
    epoch: int = 0
    number: int = 0  # in its epoch
    time: float = 0.0  # of the run, in epochs


class TrainBatches:
    """The batches of any epoch, from any position in it; an incomplete last batch is left out.

    An epoch is one pass over the sampler's order, unless another ``pace`` is set. Epochs of other lengths go
    on in a pass where the one before them stopped, so no image comes twice before all came once.

    Args:
        batch_size: images of a batch; all of them where the sampler has fewer.
        accumulate: batches of an optimiser step, at most.
        read_ahead: whether a thread reads the next batch meanwhile. On a CPU it would take a core from the
            model.
    """

    def __init__(
        self,
        source: ImageSource,
        targets: Targets,
        sampler: Sampler,
        batch_size: int,
        *,
        accumulate: int = 1,
        read_ahead: bool = False,
    ) -> None:
        self.source, self.targets, self.sampler = source, targets, sampler
        self.batch_size = min(batch_size, len(sampler))
        self.accumulate, self.read_ahead = accumulate, read_ahead
        self.pace = Pace(len(self))

    def __len__(self) -> int:
        """Return the batches of one pass."""
        return len(self.sampler) // self.batch_size

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of ``epoch`` from number ``start`` on."""
        number, passed = self.pace.before(epoch) + start, -1
        last = self.pace.before(epoch) + self.pace.most(epoch)
        while number < last:
            turn, position = divmod(number, len(self))
            if turn != passed:
                passed, order = turn, self.sampler.order(turn)
            rows = order[position * self.batch_size : (position + 1) * self.batch_size]
            in_epoch = number - self.pace.before(epoch)
            time = self.pace.time(epoch, in_epoch)
            yield Batch(self.source.batch(rows), _rows_of(self.targets, rows), rows, epoch, in_epoch, time)
            number += 1

    def count(self, epoch: int) -> int:
        """Return how many batches an epoch has; 0 where the run is over before it."""
        return self.pace.count(epoch)

    def windows(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Yield the batches of each optimiser step of ``epoch``, from batch ``start`` on.

        The pace may change from one step to the next, also after a batch was read ahead.
        """
        batches = self.epoch(epoch, start)
        if self.read_ahead:
            batches = ahead(batches)

        while (left := self.pace.count(epoch) - start) > 0:
            read = islice(batches, min(self.accumulate, left))
            window = [replace(batch, time=self.pace.time(epoch, batch.number)) for batch in read]
            if not window:
                return
            yield window
            start += len(window)


class EvalBatches:
    """Each of ``rows`` once, in order.

    Args:
        size: the middle part (H, W) of a prepared image that the model sees; None gives all of it, to a
            model that looks at more than the middle.
    """

    def __init__(
        self,
        source: ImageSource,
        rows: NDArray[np.int64],
        *,
        batch_size: int,
        size: tuple[int, int] | None,
        targets: Targets | None = None,
    ) -> None:
        self.source, self.rows, self.batch_size, self.size = source, rows, batch_size, size
        self.targets = targets or {}

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.rows), self.batch_size):
            rows = self.rows[start : start + self.batch_size]
            images = self.source.batch(rows)
            if self.size is not None:
                images = centre_crop(images, self.size)
            yield Batch(images, _rows_of(self.targets, rows), rows)


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the same batches, each read into pinned memory by a thread while the one before is in use."""

    def read() -> Batch | None:
        batch = next(batches, None)
        if batch is None or batch.images.device.type != "cpu" or not torch.cuda.is_available():
            return batch
        return replace(batch, images=batch.images.pin_memory())

    with ThreadPoolExecutor(1, "ahead") as reader:
        coming = reader.submit(read)
        while (batch := coming.result()) is not None:
            coming = reader.submit(read)
            yield batch


def centre_crop(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the middle (N, 3, H, W) of larger images, as a view; smaller ones stay as they are."""
    top, left = (max(0, (have - want) // 2) for have, want in zip(images.shape[-2:], size, strict=True))
    return images[..., top : top + size[0], left : left + size[1]]


def fitting_batch_size(size: tuple[int, int], device: torch.device) -> int:
    """Return how many images of this height and width are evaluated at once where nobody chose.

    More are faster, but no longer by much, and take more memory. Measured on 2 cores with
    mobilenetv3_small_050 and resnet18: 128 images of 128 x 96 are predicted at 1613 and 155 a second with
    118 and 261 MB (64 at 1345 and 140; 256 at 1770 and 153 with 280 and 693 MB); 32 of 384 x 288 at 248 and
    17 with 241 and 545 MB (16 at 209 and 17).
    """
    if device.type != "cpu":
        return _MOST
    return min(_MOST, 1 << max(0, round(math.log2(_CPU_PIXELS / math.prod(size)))))


def _rows_of(targets: Targets, rows: NDArray[np.int64]) -> Targets:
    index = torch.from_numpy(np.ascontiguousarray(rows))
    return {name: values[index] for name, values in targets.items()}

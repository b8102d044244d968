"""Batches of prepared images: in random order for training, in row order for evaluation."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.images.store import ImageSource
from dataset.reading import Batch as Batch
from dataset.reading import BatchRows, Reading, ahead
from dataset.reading import Inputs as Inputs
from dataset.reading import centre_crop as centre_crop
from dataset.samplers.base import Sampler
from dataset.tasks.base import Targets
from utils.pace import Pace

_MOST = 128  # images of a batch whose size nobody chose
_CPU_PIXELS = 3_000_000  # of a batch on a CPU, about


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

    def epoch(self, epoch: int, start: int = 0) -> "Reading":
        """Return the batches of ``epoch`` from number ``start`` on."""
        return Reading(self.source, self.targets, self._rows_of(epoch, start))

    def _rows_of(self, epoch: int, start: int) -> Iterator[BatchRows]:
        number = self.pace.before(epoch) + start  # of batches since the run began
        last = self.pace.before(epoch) + self.pace.most(epoch)
        known = -1  # the turn, a pass over all images, whose order is at hand

        while number < last:
            turn, position = divmod(number, len(self))
            if turn != known:
                known, order = turn, self.sampler.order(turn)
            in_epoch = number - self.pace.before(epoch)
            rows = order[position * self.batch_size : (position + 1) * self.batch_size]
            yield BatchRows(rows, epoch, in_epoch, self.pace.time(epoch, in_epoch))
            number += 1

    def count(self, epoch: int) -> int:
        """Return how many batches an epoch has; 0 where the run is over before it."""
        return self.pace.count(epoch)

    def windows(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Yield the batches of each optimiser step of ``epoch``, from batch ``start`` on.

        The pace may change from one step to the next, also after a batch was read ahead.
        """
        reading = self.epoch(epoch, start)
        batches = ahead(reading) if self.read_ahead else reading

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

    def __iter__(self) -> "Reading":
        starts = range(0, len(self.rows), self.batch_size)
        rows = (BatchRows(self.rows[start : start + self.batch_size]) for start in starts)
        return Reading(self.source, self.targets, rows, self.size)


def fitting_batch_size(size: tuple[int, int], device: torch.device) -> int:
    """Return how many images of this height and width are evaluated at once where nobody chose.

    More are faster, but no longer by much, and take more memory. Measured on 2 cores with
    mobilenetv3_small_050 and resnet18, one batch at a time: 128 images of 128 x 96 are predicted at 1613 and
    155 a second with 118 and 261 MB (64 at 1345 and 140; 256 at 1770 and 153 with 280 and 693 MB); 32 of
    384 x 288 at 248 and 17 with 241 and 545 MB (16 at 209 and 17). Two at a time take up to twice the memory.
    """
    if device.type != "cpu":
        return _MOST
    doublings = max(0, round(math.log2(_CPU_PIXELS / math.prod(size))))  # of one image
    return min(_MOST, 1 << doublings)

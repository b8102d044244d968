"""Batches that are read when they are asked for, or by threads a few of them ahead."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.images.featured import features_of
from dataset.images.store import ImageSource
from dataset.tasks.base import Targets

Inputs = tuple[Tensor, ...]  # what a model is called with: images, and what a table says of them, if it does
_AHEAD = 3  # batches that are read, or wait, while one is in use; a thread fills each


@dataclass(frozen=True, slots=True)
class Batch:
    """``images`` uint8 (N, 3, H, W), ``targets`` float (N, K) per space, ``rows`` (N) of the table.

    ``features`` float (N, D) is what the table says of each image, where a model is to see that.

    One of training also knows when it is trained on, which all its randomness depends on beside the seed.
    """

    images: Tensor
    targets: Targets
    rows: NDArray[np.int64]
    epoch: int = 0
    number: int = 0  # in its epoch
    time: float = 0.0  # of the run, in epochs
    features: Tensor | None = None

    def inputs(self, device: torch.device) -> Inputs:
        """Return what a model is called with, on its device."""
        given = (self.images,) if self.features is None else (self.images, self.features)
        return tuple(values.to(device, non_blocking=True) for values in given)


class BatchRows(NamedTuple):
    """The rows (N) of a batch that is still to be read, and when it is trained on."""

    rows: NDArray[np.int64]
    epoch: int = 0
    number: int = 0
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading(Iterator[Batch]):
    """Batches that are read when they are asked for.

    Args:
        rows: of each batch.
        size: the middle part (H, W) to keep of each image; None: all of it.
    """

    source: ImageSource
    targets: Targets
    rows: Iterator[BatchRows]
    size: tuple[int, int] | None = None

    def __next__(self) -> Batch:
        return self.read(next(self.rows))

    def read(self, wanted: BatchRows, *, pinned: bool = False) -> Batch:
        """Return the batch of these rows; several threads may do this at once.

        Args:
            pinned: in memory from which a GPU copies while the CPU works on.
        """
        if self.size is not None:
            images = centre_crop(self.source.batch(wanted.rows), self.size)
            images = images.pin_memory() if pinned and images.device.type == "cpu" else images
        else:  # read into pinned memory at once, since a copy takes about as long as reading a map
            images = self.source.batch(wanted.rows, pinned=True) if pinned else self.source.batch(wanted.rows)
        features = features_of(self.source, wanted.rows)
        return Batch(images, _rows_of(self.targets, wanted.rows), *wanted, features)


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the same batches in their order, of which threads read the next ones while one is in use.

    PyTorch gives pinned memory out again only when the GPU has copied what was in it, so nobody has to
    keep buffers: a batch may be held for as long as it is needed.
    """
    if not isinstance(batches, Reading):  # they are in memory already
        yield from batches
        return

    read, rows = partial(batches.read, pinned=torch.cuda.is_available()), batches.rows
    with ThreadPoolExecutor(_AHEAD, "ahead") as readers:
        coming = deque(readers.submit(read, some) for some in islice(rows, _AHEAD))
        while coming:
            batch = coming.popleft().result()
            coming.extend(readers.submit(read, some) for some in islice(rows, 1))
            yield batch


def centre_crop(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the middle (N, 3, H, W) of larger images, without a copy; smaller ones stay as they are."""
    top, left = (max(0, (have - want) // 2) for have, want in zip(images.shape[-2:], size, strict=True))
    return images[..., top : top + size[0], left : left + size[1]]


def _rows_of(targets: Targets, rows: NDArray[np.int64]) -> Targets:
    index = torch.from_numpy(np.ascontiguousarray(rows))
    return {name: values[index] for name, values in targets.items()}

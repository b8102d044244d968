"""The files in which a store keeps its pixels, while they are written: plain, or compressed."""

import math
import os
import zlib
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from dataset.croppers.base import Pixels
from dataset.images.jpeg import encoded
from utils.durable import sha256_of, write_bytes, writing

SUMS = np.dtype("<u4")  # CRC-32 of each image's bytes
ENDS = np.dtype("<u8")  # where each image ends in a compressed file
START = b"jpegs\n"  # of a compressed file, so that it never is empty
_WAITING = 2**25  # bytes that may wait for the disk


class PixelFile:
    """The images' pixels, written as they come: through a map they would be counted as ours, and wait.

    Args:
        folder: that they are written into.
        shape: (N, H, W, 3).
    """

    name = "pixels.u8"

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self.folder, self.path, self.shape = folder, folder / self.name, shape
        self.sums = np.full(shape[0], zlib.crc32(bytes(self._unwritten())), SUMS)
        self._waiting = 0  # bytes
        with writing(self.path):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            self._begin()

    def write(self, images: Mapping[int, Pixels]) -> None:
        """Take some images by row, in rising order; several threads may do this at once.

        Neighbours are written by one call: the system lets only one thread write to a file at a time.
        """
        for first, neighbours in _by_neighbours(images):
            pixels = np.stack(neighbours)
            for position, image in enumerate(pixels):
                self.sums[first + position] = zlib.crc32(image.data)
            self._put(pixels.data.cast("B"), first * self._image_bytes)

    def wrote(self, images: int) -> None:
        """Note that so many more images, in the order of their rows, were given; only one thread does."""
        self._brought(images * self._image_bytes)

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        with writing(self.path):
            os.fsync(self._file)
        write_bytes(self.folder / "sums.u4", self.sums.tobytes())

    def facts(self) -> Mapping[str, Any]:
        """Return what belongs into the store's manifest."""
        return {"sums": sha256_of(self.folder / "sums.u4")}

    def _unwritten(self) -> int:
        """Return how many zeros stand for an image that can't be read."""
        return self._image_bytes

    def _begin(self) -> None:
        os.truncate(self._file, math.prod(self.shape))

    @property
    def _image_bytes(self) -> int:
        return math.prod(self.shape[1:])

    def _put(self, data: memoryview, position: int) -> None:
        with writing(self.path):
            while data:  # a disk that becomes full may take a part only
                written = os.pwrite(self._file, data, position)
                data, position = data[written:], position + written

    def _brought(self, size: int) -> None:
        """Bring what was written to the disk now and then."""
        self._waiting += size
        if self._waiting >= _WAITING:
            self._waiting = 0
            with writing(self.path):
                os.fdatasync(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        os.close(self._file)


class CompressedFile(PixelFile):
    """The images as JPEG, one after the other in the order of their rows, whichever is ready first."""

    name = "images.jpg"

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        super().__init__(folder, shape)
        self.ends = np.zeros(shape[0], ENDS)
        self.decibels = np.full(shape[0], np.nan)
        self._ready: dict[int, Pixels] = {}
        self._next, self._end = 0, len(START)  # the row and the byte that come next

    def write(self, images: Mapping[int, Pixels]) -> None:
        for row, image in images.items():
            self._ready[row], self.decibels[row] = encoded(image)

    def wrote(self, images: int) -> None:
        before = self._end
        for row in range(self._next, min(self._next + images, self.shape[0])):
            data = self._ready.pop(row, None)  # None of one that can't be read
            if data is not None:
                self.sums[row] = zlib.crc32(data.data)
                self._put(data.data, self._end)
                self._end += len(data)
            self.ends[row] = self._end
            self._next = row + 1
        self._brought(self._end - before)

    def sync(self) -> None:
        super().sync()
        write_bytes(self.folder / "ends.u8", self.ends.tobytes())

    def facts(self) -> Mapping[str, Any]:
        known = self.decibels[np.isfinite(self.decibels)]
        lowest, mean = (float(known.min()), float(known.mean())) if len(known) else (0.0, 0.0)
        ends = sha256_of(self.folder / "ends.u8")
        return {**super().facts(), "ends": ends, "decibels": [round(lowest, 2), round(mean, 2)]}

    def _unwritten(self) -> int:
        return 0

    def _begin(self) -> None:
        self._put(memoryview(START), 0)


def _by_neighbours(images: Mapping[int, Pixels]) -> Iterator[tuple[int, list[Pixels]]]:
    """Yield the first row and the images of each stretch of rows without a gap."""
    for _, stretch in groupby(enumerate(images), lambda item: item[1] - item[0]):
        rows = [row for _, row in stretch]
        yield rows[0], [images[row] for row in rows]

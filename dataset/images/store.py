"""Prepared images on disk: each is decoded once, then every epoch and every run reads plain bytes.

A store is a folder with the pixels, uint8 (N, H, W, 3), a checksum of each image, and a manifest.
``open_images.py`` names it, ``build_store.py`` builds it, ``compressed.py`` has the smaller kind.
"""

import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.croppers.base import Pixels
from dataset.files.named_files import NamedFiles
from dataset.images.build_store import MANIFEST, Seen
from dataset.images.file_bytes import UnreadableImage
from dataset.images.pixel_files import SUMS, PixelFile
from dataset.images.prepare import Prepare
from utils.cores import cores
from utils.durable import remove, sha256_of
from utils.errors import DataError, WriteFailed
from utils.read_json import read_json

log = logging.getLogger("podium")
_MUCH = 2**26  # bytes that are checked at once by one core


class ImageSource(Protocol):
    """Prepared images by row number."""

    bad: dict[int, str]  # rows that could not be read, and why
    missed: list[int]  # rows in which the cropper found nothing
    remarks: dict[str, list[int]]  # what is to be said of how files were read, and rows

    def __len__(self) -> int: ...

    def batch(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Tensor:
        """Return uint8 (N, 3, H, W) in channels-last memory, on whatever device the images are.

        Args:
            pinned: on a CPU in memory from which a GPU copies while the CPU works on.
        """
        ...


class KeptImages(ABC):
    """A map of prepared images on the disk; opening it reads nothing of them.

    An image is held against its checksum when it is first read in a process. One that the disk has changed is
    decoded anew, so it never reaches a model, and the whole store is when it is next opened.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, OSError: it is damaged, or not of these images.
    """

    file: ClassVar[type[PixelFile]]  # how it is written

    def __init__(self, folder: Path, files: NamedFiles, prepare: Prepare) -> None:
        self.manifest = read_json(folder / "manifest.json", form=MANIFEST)
        seen = Seen.of(self.manifest)
        self.bad, self.missed, self.remarks = seen.bad, seen.missed, seen.remarks
        self.shape = (len(files), *prepare.size, 3)
        whole = sha256_of(folder / "sums.u4") == self.manifest["sums"]
        if tuple(self.manifest["shape"]) != self.shape or not whole:
            raise ValueError(f"{folder} is not what was written")
        self.path = folder / self.file.name
        self._sums = np.fromfile(folder / "sums.u4", SUMS)
        self._right = np.zeros(len(files), bool)  # those that were checked
        self._files, self._prepare = files, prepare

    def __len__(self) -> int:
        return self.shape[0]

    def batch(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Tensor:
        images = torch.empty((len(rows), *self.shape[1:]), dtype=torch.uint8, pin_memory=pinned)
        self.fill(rows, images.numpy())
        return images.permute(0, 3, 1, 2)

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes of the disk the pixels take."""

    @abstractmethod
    def fill(self, rows: NDArray[np.int64], out: Pixels) -> None:
        """Write the images of these rows into ``out``, uint8 (N, H, W, 3)."""

    def _anew(self, row: int) -> Pixels:
        """Return an image from its own file, and let nobody open this store again."""
        path = self._files.path(row)
        log.warning("%s is damaged where %s is: decoded anew.", self.path, path)
        with suppress(WriteFailed):
            remove(self.path.with_name("manifest.json"))
        try:
            return self._prepare(path)
        except UnreadableImage as error:
            raise DataError(f"{error}. Mend or remove it, then run again.") from None


class ImageStore(KeptImages):
    """Pixels as they are: reading is copying."""

    file = PixelFile

    def __init__(self, folder: Path, files: NamedFiles, prepare: Prepare) -> None:
        super().__init__(folder, files, prepare)
        self.pixels = np.memmap(self.path, np.uint8, "r", shape=self.shape)

    @property
    def size(self) -> int:
        return self.pixels.nbytes

    def images(self, rows: NDArray[np.int64]) -> Pixels:
        """Return uint8 (N, H, W, 3)."""
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        self.fill(rows, images)
        return images

    def fill(self, rows: NDArray[np.int64], out: Pixels) -> None:
        if len(rows) and not -len(self) <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"There are {len(self)} images, not one of each row in {rows}.")
        np.take(self.pixels, rows, axis=0, out=out, mode="wrap")  # another mode would copy all of it twice

        unchecked = np.flatnonzero(~self._right[rows])
        right = np.array(_checksums(out, unchecked.tolist()), SUMS) == self._sums[rows[unchecked]]
        self._right[rows[unchecked[right]]] = True
        for position in unchecked[~right]:
            out[position] = self._anew(int(rows[position]))


def _checksums(images: Pixels, positions: Sequence[int]) -> list[int]:
    """Return the CRC-32 of the images at these positions; where there are many, all cores look."""
    pixels, size = images.data.cast("B"), images.nbytes // max(1, len(images))
    parts = [pixels[position * size : (position + 1) * size] for position in positions]
    if len(parts) * size < _MUCH:
        return list(map(zlib.crc32, parts))
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(zlib.crc32, parts))


def raise_bad(source: ImageSource, instead: str = "") -> None:
    """Raise a DataError that lists every image that could not be read, if there are any.

    Args:
        instead: what may be done but to mend them.
    """
    if source.bad:
        shown = list(source.bad.values())[:30]
        more = f"\n  ... and {len(source.bad) - 30} more" if len(source.bad) > 30 else ""
        raise DataError(
            f"{len(source.bad)} image(s) can't be read:\n  - " + "\n  - ".join(shown) + more + instead
        )

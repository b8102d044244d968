"""Prepared images as JPEG: a fifth to a tenth of the disk, for a decode of a small image in each epoch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dataset.croppers.base import Pixels
from dataset.files.named_files import NamedFiles
from dataset.images.jpeg import decoded, recoded
from dataset.images.pixel_files import ENDS, START, CompressedFile
from dataset.images.prepare import Prepare
from dataset.images.store import KeptImages
from utils.cores import cores, on_a_core
from utils.durable import sha256_of

_AT_ONCE = 8  # images that a thread decodes before it asks for more


class CompressedStore(KeptImages):
    """Each image is decoded when it is read, by all cores; the same bits each time.

    Attributes:
        decibels: the lowest and the mean peak signal-to-noise ratio of an image.
    """

    file = CompressedFile

    def __init__(self, folder: Path, files: NamedFiles, prepare: Prepare) -> None:
        super().__init__(folder, files, prepare)
        if sha256_of(folder / "ends.u8") != self.manifest["ends"]:
            raise ValueError(f"{folder} is not what was written")
        self._ends = np.fromfile(folder / "ends.u8", ENDS).astype(np.int64)
        size = int(self._ends[-1]) if len(self._ends) else len(START)
        if self.path.stat().st_size != size:
            raise ValueError(f"{self.path} is not as long as it was written")
        self._bytes = np.memmap(self.path, np.uint8, "r")
        self.decibels: Sequence[float] = self.manifest["decibels"]
        self._threads = ThreadPoolExecutor(cores(), "decode")

    @property
    def size(self) -> int:
        return int(self._bytes.nbytes)

    def fill(self, rows: NDArray[np.int64], out: Pixels) -> None:
        def some(first: int) -> None:
            with on_a_core:
                for position in range(first, min(first + _AT_ONCE, len(rows))):
                    self._read(int(rows[position]), out[position])

        list(self._threads.map(some, range(0, len(rows), _AT_ONCE)))

    def _read(self, row: int, out: Pixels) -> None:
        start = int(self._ends[row - 1]) if row else len(START)
        data = self._bytes[start : int(self._ends[row])]
        if self._right[row] or (len(data) and crc32(data.data) == self._sums[row]):
            self._right[row] = True
            decoded(data, out)
        else:
            out[:] = recoded(self._anew(row))

"""Prepared images without a store: for those that the disk has no room for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.croppers.base import Pixels
from dataset.files.named_files import NamedFiles
from dataset.images.build_store import Seen
from dataset.images.file_bytes import UnreadableImage
from dataset.images.prepare import Prepare
from utils.cores import cores, on_a_core
from utils.errors import DataError


class DecodedOnTheFly:
    """The same images without a store: decoded again each time, by all cores.

    Args:
        through: what else becomes of an image, so that it has the bits that a store would have.
    """

    def __init__(
        self,
        files: NamedFiles,
        prepare: Prepare,
        seen: Seen,
        through: Callable[[Pixels], Pixels] | None = None,
    ) -> None:
        self.bad, self.missed, self.remarks = seen.bad, seen.missed, seen.remarks
        self._files, self._prepare, self.through = files, prepare, through
        self._threads = ThreadPoolExecutor(cores())

    def __len__(self) -> int:
        return len(self._files)

    def batch(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Tensor:
        shape = (len(rows), *self._prepare.size, 3)
        images = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        out = images.numpy()

        def decode(position: int) -> None:
            with on_a_core:
                image = self._prepare(self._files.path(rows[position]))
                out[position] = image if self.through is None else self.through(image)

        try:
            list(self._threads.map(decode, range(len(rows))))
        except UnreadableImage as error:
            raise DataError(f"{error}. Mend or remove it, then run again.") from None
        return images.permute(0, 3, 1, 2)

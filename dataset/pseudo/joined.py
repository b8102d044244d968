"""Two sources of images as one: those that were given, and those that a finished run has labelled."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.images.store import ImageSource


class JoinedSource:
    """Two sources as one: the rows of the second are counted on from those of the first."""

    def __init__(self, first: ImageSource, second: ImageSource) -> None:
        self._first, self._second = first, second
        self.bad = first.bad | {len(first) + row: why for row, why in second.bad.items()}
        self.missed = first.missed + [len(first) + row for row in second.missed]
        self.remarks = {remark: list(rows) for remark, rows in first.remarks.items()}
        for remark, rows in second.remarks.items():
            self.remarks.setdefault(remark, []).extend(len(first) + row for row in rows)

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def batch(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Tensor:
        later = rows >= len(self._first)
        if not later.any():
            return self._first.batch(rows)
        if later.all():
            return self._second.batch(rows - len(self._first))
        first, second = self._first.batch(rows[~later]), self._second.batch(rows[later] - len(self._first))
        parts = torch.cat([first, second.to(first.device)])
        position = np.argsort(np.argsort(later, kind="stable"))  # of each image of the batch in ``parts``
        return parts[torch.from_numpy(position).to(parts.device)].contiguous(
            memory_format=torch.channels_last
        )

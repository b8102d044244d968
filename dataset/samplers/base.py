"""What every sampler does: which rows an epoch sees, and in which order."""

import numpy as np
from numpy.typing import NDArray

from utils.registry import Registry


class Sampler:
    """Chooses rows from (seed, epoch) alone; a subclass is one file in ``dataset/samplers``.

    Runtime arguments that a constructor may name: ``rows`` (M) the row numbers that may be trained on,
    ``targets`` {space: (N, K)} of labels and ``groups`` (N) of the whole table, ``numbers``, the spaces that
    are none of labels, ``seed``.
    """

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the row numbers of one epoch in order."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return how many rows an epoch has: the same in every epoch."""
        raise NotImplementedError


SAMPLERS: Registry[Sampler] = Registry(
    "sampler", "dataset.samplers", runtime=("rows", "targets", "numbers", "groups", "seed")
)

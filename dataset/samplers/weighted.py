"""Rare classes more often."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.samplers.base import SAMPLERS, Sampler
from dataset.tasks.spaces import check_space
from utils.convert import Fraction
from utils.seeds import numpy_generator


@SAMPLERS.register
class Weighted(Sampler):
    """Draws as many rows as there are, with replacement, each in proportion to 1 / n ** power.

    Here n is the number of training images with the same labels as the row's: the same in every label
    space, so in the mask competition one of its 18 classes, whether they have one head or three. ``power
    = 1`` is what the imbalanced-dataset-sampler package does: each class as often as any other. Teams of
    the mask competition disagree whether it helps: a few old people are then seen over and over.

    Args:
        power: 0 = every row as likely, 1 = every class as likely.
        space: the label space whose classes count; none = all of them together.
    """

    def __init__(
        self,
        *,
        rows: NDArray[np.int64],
        targets: dict[str, Tensor],
        seed: int,
        numbers: Sequence[str] = (),
        power: Fraction = 1.0,
        space: str | None = None,
    ) -> None:
        if space is not None:
            check_space(space, targets, numbers, "write name = EveryImage")
        self.rows, self.seed = rows, seed
        if not targets:
            raise ValueError("there are no labels to count, only numbers: write name = EveryImage")
        wanted = targets.values() if space is None else [targets[space]]
        marked = np.concatenate([_marked(values)[rows] for values in wanted], axis=1)
        # By each row's own class: a list of counts sorted by size says nothing about which class is which.
        _, of_row, counts = np.unique(marked, axis=0, return_inverse=True, return_counts=True)
        weights = counts[of_row.reshape(-1)] ** -float(power)
        self.probabilities: NDArray[np.float64] = weights / weights.sum()

    def order(self, epoch: int) -> NDArray[np.int64]:
        generator = numpy_generator("order", self.seed, epoch)
        drawn = generator.choice(self.rows, size=len(self.rows), replace=True, p=self.probabilities)
        return np.asarray(drawn, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.rows)


def _marked(targets: Tensor) -> NDArray[np.bool_]:
    """Return the labels (N, K) that have the largest part of each row; none of a row of zeros."""
    most = targets.amax(dim=1, keepdim=True)
    return np.asarray(((targets == most) & (targets > 0)).numpy())

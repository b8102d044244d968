"""A few images of each person an epoch, instead of all that look alike."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.samplers.base import SAMPLERS, Sampler
from dataset.tasks.spaces import check_space
from utils.convert import Count
from utils.seeds import numpy_generator


@SAMPLERS.register
class FewPerGroup(Sampler):
    """At most ``limit`` random images of each label of ``space`` for each group (person) an epoch.

    In the mask competition five of a person's seven photos wear the mask. With ``space = mask`` and
    ``limit = 1`` an epoch has one of them, one with the mask worn wrongly and one without: people are
    seen more often in the same time, and the mask classes are balanced. Without a space, ``limit = 1`` is
    one random photo of each person an epoch, as a team took for age and gender.

    Args:
        space: the label space that tells images of one group apart, by the set of their labels where there
            may be several; none = nothing does.
        limit: images of each group and label.
    """

    def __init__(
        self,
        *,
        rows: NDArray[np.int64],
        targets: dict[str, Tensor],
        groups: Sequence[str],
        seed: int,
        numbers: Sequence[str] = (),
        space: str | None = None,
        limit: Count = 1,
    ) -> None:
        label = np.zeros(len(rows), dtype=np.int64)
        if space is not None:
            check_space(
                space, targets, numbers, "leave it out: then images are told apart by their group alone"
            )
            label = _labelled_alike(targets[space][torch.from_numpy(rows)])
        self.rows, self.limit, self.seed = rows, limit, seed
        _, person = np.unique(np.asarray(groups)[rows], return_inverse=True)
        _, self._cell = np.unique(person * (label.max() + 1) + label, return_inverse=True)
        self._size = int(np.minimum(np.bincount(self._cell), limit).sum())

    def order(self, epoch: int) -> NDArray[np.int64]:
        generator = numpy_generator("order", self.seed, epoch)
        shuffled = generator.permutation(len(self.rows))
        by_cell = shuffled[np.argsort(self._cell[shuffled], kind="stable")]
        cells = self._cell[by_cell]
        first_of_cell = np.searchsorted(cells, cells, side="left")
        kept = by_cell[np.arange(len(cells)) - first_of_cell < self.limit]
        return np.asarray(self.rows[generator.permutation(kept)], dtype=np.int64)

    def __len__(self) -> int:
        return self._size


def _labelled_alike(targets: Tensor) -> NDArray[np.int64]:
    """Return a number (N) for each image of ``targets`` (N, K), the same for the same most likely labels."""
    likeliest = (targets == targets.amax(dim=1, keepdim=True)) & (targets > 0)  # soft ones have one, too
    _, number = torch.unique(likeliest.flip(1), dim=0, return_inverse=True)  # in the order of the labels
    return np.asarray(number.numpy(), dtype=np.int64)

"""Folds of whole groups made more even: a fixed number of drawn groups is moved or exchanged where it helps.

All of it is whole numbers, so that the same arguments give the same folds on every machine.
"""

import numpy as np
from numpy.typing import NDArray

from utils.metrics import Counts
from utils.seeds import numpy_generator

SWAPS = 4000  # groups that are drawn one after the other, at most
_PARTNERS = 64  # groups that each is tried against, at most
_FEWEST_PARTNERS = 8
_CELLS = 2**15  # of labels times partners that are looked at together
_PATIENCE = 500  # groups in a row for which nothing helped: there it ends
_ROOM = 50  # 1/50 of a fold's share of images: how far its size may differ, or as far as it did


def more_even(fold_of: Counts, counts: Counts, sizes: Counts, folds: int, seed: int) -> Counts:
    """Return folds of groups (G) whose mixes of labels are more like that of all images.

    A local search: each of up to ``SWAPS`` groups, in drawn order, is moved to another fold or exchanged with
    one of up to 64 drawn groups, whichever lowers the sum of the folds' total variations most,

        sum_f sum_k |c_fk / n_f - c_k / n| / 2,

    with c the images that have label k and n all images, in fold f and altogether. It stays where it is if
    nothing lowers that, if more labels would be missing in both folds together, or if a fold's size would
    differ from its share by more than 2 % of that and by more than either fold's did.

    Args:
        fold_of: (G) in [0, folds), every fold with a group.
        counts: (G, K) how many images with each label a group has.
        sizes: (G) how many images it has.
    """
    search = _FoldSearch(fold_of, counts, sizes, folds)
    generator = numpy_generator("swaps", seed)
    groups = np.arange(len(sizes))
    tried = max(_FEWEST_PARTNERS, min(_PARTNERS, _CELLS // counts.shape[1]))
    patience = len(groups) if len(groups) <= tried else _PATIENCE

    idle = 0
    for number in range(SWAPS):
        if number % len(groups) == 0:
            order = generator.permutation(groups)
        partners = groups if len(groups) <= tried else generator.integers(len(groups), size=tried)
        idle = 0 if search.improve(int(order[number % len(groups)]), partners) else idle + 1
        if idle == patience:
            break
    return search.fold_of


class _FoldSearch:
    """The folds as they are, and what each counts: its total variation in whole numbers."""

    def __init__(self, fold_of: Counts, counts: Counts, sizes: Counts, folds: int) -> None:
        self.fold_of, self.counts, self.sizes, self.folds = fold_of.copy(), counts, sizes, folds
        self.all, self.labels = int(sizes.sum()), counts.sum(axis=0)
        self.has, self.size = np.zeros((folds, counts.shape[1]), np.int64), np.zeros(folds, np.int64)
        np.add.at(self.has, fold_of, counts)
        np.add.at(self.size, fold_of, sizes)
        # No product below is larger than 2**62.
        self.scale = max(1, 2**62 // (2 * max(1, self.all) ** 2 * max(1, counts.shape[1])))
        self.cost = self._cost(self.has, self.size)
        self.wrong = np.abs(folds * self.size - self.all).tolist()

    def improve(self, group: int, partners: Counts) -> bool:
        """Move a group, or exchange it with one of the partners, where that helps most; return whether."""
        here = int(self.fold_of[group])
        partners = partners[self.fold_of[partners] != here]
        targets = np.array([fold for fold in range(self.folds) if fold != here])
        # A move is an exchange with nothing.
        there = np.concatenate([targets, self.fold_of[partners]])
        nothing = np.zeros((len(targets), self.counts.shape[1]), np.int64)
        labels = self.counts[group] - np.concatenate([nothing, self.counts[partners]])
        images = self.sizes[group] - np.concatenate([np.zeros(len(targets), np.int64), self.sizes[partners]])

        left, left_size = self.has[here] - labels, self.size[here] - images
        new, new_size = self.has[there] + labels, self.size[there] + images
        gain = self.cost[here] + self.cost[there] - self._cost(left, left_size) - self._cost(new, new_size)
        gain[~self._allowed(here, there, left, left_size, new, new_size)] = 0
        best = int(gain.argmax())
        if gain[best] <= 0:
            return False

        other = int(there[best])
        self.fold_of[group] = other
        if best >= len(targets):
            self.fold_of[partners[best - len(targets)]] = here
        self.has[here], self.has[other] = left[best], new[best]
        self.size[here], self.size[other] = left_size[best], new_size[best]
        self.cost[[here, other]] = self._cost(self.has[[here, other]], self.size[[here, other]])
        return True

    def _cost(self, has: Counts, size: Counts) -> Counts:
        """Return the total variation of folds, times a constant: their labels (M, K) and images (M)."""
        apart = np.abs(self.all * has - size[:, None] * self.labels).sum(axis=1)
        return np.asarray(apart * self.scale // np.maximum(size, 1))

    def _allowed(
        self, here: int, there: Counts, left: Counts, left_size: Counts, new: Counts, new_size: Counts
    ) -> NDArray[np.bool_]:
        """Return which exchanges leave every label in its folds, and the folds' sizes about as they are."""
        missing = (left == 0).sum(axis=1) + (new == 0).sum(axis=1)
        keeps = missing <= (self.has[here] == 0).sum() + (self.has[there] == 0).sum(axis=1)
        most = np.maximum(self.all // _ROOM, np.maximum(self.wrong[here], np.array(self.wrong)[there]))
        wrong = np.maximum(
            np.abs(self.folds * left_size - self.all), np.abs(self.folds * new_size - self.all)
        )
        return np.asarray(keeps & (wrong <= most) & (left_size > 0) & (new_size > 0))

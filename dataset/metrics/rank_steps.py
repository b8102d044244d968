"""A bias for each label, searched exactly for a score of the place that the right label has in an order."""

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.base import Floats
from dataset.metrics.evidence import Indices

_SWEEPS = 4
_SAME = 1e-9  # what rounding makes of equal sums of worths


def biases_of_ranks(logits: Floats, true: Indices, worths: Floats) -> Floats:
    """Return biases (K,) of which no single one can be changed so that the score gets better.

    Or those after four sweeps. The score is the mean worth of the right label's place in the order of
    logits + bias; of equal ones the later label stands higher, as TopK and MapAtK have it.

    Args:
        logits: (N, K).
        true: (N,) label indices.
        worths: (K,) of each place from the first on, never rising: of top-k accuracy 1 for the first k, of
            MAP@k 1 / place for these, else 0.
    """
    search = _BiasSearch(logits, true, worths)
    for _ in range(_SWEEPS if len(true) else 0):
        if not sum(search.improve(label) for label in range(logits.shape[1])):
            break
    return search.biases


class _BiasSearch:
    """Biases as they are, with the place of each image's right label."""

    def __init__(self, logits: Floats, true: Indices, worths: Floats) -> None:
        self.shifted, self.true, self.worths = np.array(logits, dtype=np.float64), true, worths
        self.biases = np.zeros(logits.shape[1])
        self.depth = int(np.flatnonzero(np.append(worths, worths[-1]) != worths[-1]).max(initial=-1)) + 1
        labels, right = np.arange(logits.shape[1]), self._right(np.arange(len(true)))
        self.rank = _above(self.shifted, labels, right[:, None], true[:, None]).sum(axis=1)

    def improve(self, label: int) -> bool:
        """Change one label's bias to where the score is best; return whether it got better.

        With the bias from low to high, an image of another label loses its place to this one where the
        label passes its right one; an image of this label gains a place at each label that it passes. So the
        score is a step function: the middle of its highest step is taken, the lowest of equally high ones.
        """
        mine = self.true == label
        keys, changes, lowest = self._steps(label, mine)
        order = np.argsort(keys, kind="stable")
        keys, values = keys[order], lowest + np.append(0.0, changes[order].cumsum())
        # What has one key goes over together.
        ends = np.append(keys[1:] != keys[:-1], [True] * (len(keys) > 0))
        steps = np.append(0, np.flatnonzero(ends) + 1)

        best = steps[np.argmax(values[steps] >= values[steps].max() - _SAME)]
        if values[best] <= self.worths[self.rank].sum() + _SAME:
            return False
        edges = np.concatenate([[keys[0] - 2.0], keys, [keys[-1] + 2.0]])
        self._shift(label, mine, float((edges[best] + edges[best + 1]) / 2))
        return True

    def _steps(self, label: int, mine: NDArray[np.bool_]) -> tuple[Floats, Floats, float]:
        """Return at which changes of the bias what is gained (S), and the score below all of them."""
        rest = np.flatnonzero(~mine)
        right, shifted = self._right(rest), self.shifted[rest, label]
        without = self.rank[rest] - _above(shifted, np.asarray(label), right, self.true[rest])
        lost = self.worths[without + 1] - self.worths[without]
        lowest = float(self.worths[without].sum() + mine.sum() * self.worths[-1])

        # An image of the label gains at the highest others only: a lower place is worth as much as the last.
        others = np.delete(self.shifted[mine], label, axis=1)
        depth = min(self.depth, others.shape[1])
        highest = -np.partition(-others, range(depth), axis=1)[:, :depth] if depth else others[:, :0]
        gained = np.broadcast_to(self.worths[:depth] - self.worths[1 : depth + 1], highest.shape)

        keys = np.concatenate([right - shifted, (highest - self.shifted[mine, label][:, None]).ravel()])
        return keys, np.concatenate([lost, gained.ravel()]), lowest

    def _shift(self, label: int, mine: NDArray[np.bool_], by: float) -> None:
        rest, labels = np.flatnonzero(~mine), np.arange(len(self.biases))
        right, shifted = self._right(rest), self.shifted[rest, label]
        before = _above(shifted, np.asarray(label), right, self.true[rest])
        self.biases[label] += by
        self.shifted[:, label] += by

        after = _above(self.shifted[rest, label], np.asarray(label), right, self.true[rest])
        self.rank[rest] += after.astype(np.int64) - before
        changed = np.flatnonzero(mine)
        self.rank[changed] = _above(
            self.shifted[changed], labels, self._right(changed)[:, None], self.true[changed][:, None]
        ).sum(axis=1)

    def _right(self, rows: Indices) -> Floats:
        return np.asarray(self.shifted[rows, self.true[rows]])


def _above(values: Floats, labels: Indices, right: Floats, true: Indices) -> NDArray[np.bool_]:
    """Return which values of labels stand above those of the right ones."""
    return np.asarray((values > right) | ((values == right) & (labels > true)))

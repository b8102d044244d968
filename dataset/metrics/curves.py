"""Scores of an order of images, such as areas under curves, in all draws of a bootstrap at once.

How a label is ranked is said by a few sums: how often the images that have it count at each of their
probabilities (a *tie* each), and how often those without it count between and at these. The sums of all draws
are one product with the draws of groups; a score follows from them. Each image is sorted once.

Shapes: r draws, T ties of a label, from the surest down.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.base import AnyWeights, Floats, Repeated
from dataset.metrics.draws import Draws

_AT_ONCE = 128  # draws: their groups' counts fit a cache
_MOST_WORK = 20_000_000_000  # images x labels x draws: some ten seconds
_FEWEST = 100  # draws, however much that is


@dataclass(frozen=True, slots=True)
class Curve:
    """How a label is ranked in some draws.

    Args:
        gained: (r, T) how often images with the label count at each tie.
        before: (r, T) how often images without it count that are surer than the tie.
        until: (r, T) the same with those that are as sure.
        others: (r,) how often all images without it count.
    """

    gained: Floats
    before: Floats
    until: Floats
    others: Floats


OfCurve = Callable[[Curve], Floats]  # the score (r,) of each draw; NaN where it says nothing


class Curves:
    """The mean over labels of a score that follows from the label's curve.

    Args:
        images: (M) which images are ranked.
        marks: (M, K) which of them have which label.
        sure: (M, K) higher is surer.
        score: of one label.
        nothing: the score of a draw in which no label says anything.
        once: makes what gives the score of other weights, which need not be whole.
    """

    def __init__(
        self,
        images: NDArray[np.int64],
        marks: NDArray[np.bool_],
        sure: NDArray[np.floating[Any]],
        score: OfCurve,
        nothing: float,
        once: Callable[[], Repeated],
    ) -> None:
        self.images, self.marks, self.sure = images, marks, sure
        self.score, self.nothing, self._make_once = score, nothing, once

    @cached_property
    def _once(self) -> Repeated:
        return self._make_once()

    def once(self, weights: AnyWeights) -> Floats:
        return np.array([self._once(weights)])

    def affordable(self, repeats: int) -> int:
        """Return how many draws are made, so that their work is bounded."""
        return min(repeats, max(_FEWEST, _MOST_WORK // max(1, self.marks.size)))

    def drawn(self, draws: Draws) -> Floats:
        labels = list(self._labels(draws.group[self.images]))
        scores = [self._mean(labels, counts) for counts in _counts(draws, self.affordable(draws.repeats))]
        return np.concatenate(scores)[:, None]

    def _labels(self, group: NDArray[np.int64]) -> Iterator["_Ranked"]:
        for label in np.flatnonzero(self.marks.any(axis=0)):
            yield _Ranked(self.marks[:, label], self.sure[:, label], group)

    def _mean(self, labels: list["_Ranked"], counts: Floats) -> Floats:
        """Return the scores (r,) of draws in which groups count so often (G, r)."""
        total, known = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
        for label in labels:
            values = self.score(label.curve(counts))
            says = ~np.isnan(values)
            total, known = total + np.where(says, values, 0), known + says
        return np.asarray(np.where(known > 0, total / np.maximum(1, known), self.nothing))


class _Ranked:
    """One label's images in order, those together that no draw can tell apart."""

    def __init__(
        self, has: NDArray[np.bool_], sure: NDArray[np.floating[Any]], group: NDArray[np.int64]
    ) -> None:
        from scipy import sparse  # late: a fifth of a second that only this needs

        surest, tie = np.unique(-sure[has], return_inverse=True)
        left, right = (np.searchsorted(surest, -sure[~has], side=side) for side in ("left", "right"))

        # Between two ties is an even position, at a tie an odd one; positions without an image are left out.
        positions, stretch = np.unique(left + right, return_inverse=True)
        odd = 2 * np.arange(len(surest)) + 1
        self.before, self.until = (
            np.searchsorted(positions, odd),
            np.searchsorted(positions, odd, side="right"),
        )

        row = np.concatenate([tie, len(surest) + stretch])
        column = np.concatenate([group[has], group[~has]])
        order = np.argsort(row, kind="stable")
        starts = np.searchsorted(row[order], np.arange(len(surest) + len(positions) + 1))
        size = int(group.max(initial=-1)) + 1
        self.sums = sparse.csr_array(
            (np.ones(len(row), dtype=np.float32), column[order].astype(np.int32), starts.astype(np.int32)),
            shape=(len(surest) + len(positions), size),
        )

    def curve(self, counts: Floats) -> Curve:
        """Return how it is ranked where groups count so often (G, r)."""
        sums = (self.sums @ counts[: self.sums.shape[1]]).T.astype(np.float64)
        gained, others = sums[:, : len(self.before)], sums[:, len(self.before) :]
        above = np.concatenate([np.zeros((len(sums), 1)), others.cumsum(axis=1)], axis=1)
        return Curve(gained, above[:, self.before], above[:, self.until], above[:, -1])


def _counts(draws: Draws, most: int) -> Iterator[Floats]:
    """Yield how often each group was drawn (G, r), a few of the first draws at a time."""
    left = most
    for part in draws.parts():
        part = part[:left]
        for start in range(0, len(part), _AT_ONCE):
            # Whole numbers below 2^24 are exact in float32.
            yield np.ascontiguousarray(part[start : start + _AT_ONCE].T, dtype=np.float32)
        left -= len(part)
        if left <= 0:
            return

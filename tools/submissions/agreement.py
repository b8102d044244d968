"""Whether a team's own scores and the board's say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two scores of the same submissions go together."""

    pairs: int
    pearson: float  # in [-1, 1]; of the values; nan where one of both never changes
    spearman: float  # the same of their ranks
    gap: float  # the mean of own - public


def agreement(own: Sequence[float], public: Sequence[float]) -> Agreement:
    """Return how own and public scores of the same submissions (N) agree."""
    a, b = np.asarray(own, dtype=np.float64), np.asarray(public, dtype=np.float64)
    return Agreement(len(a), _pearson(a, b), _pearson(_ranks(a), _ranks(b)), float((a - b).mean()))


def _pearson(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[which], dtype=np.float64)

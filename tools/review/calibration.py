"""Whether a model is right as often as it says: reliability diagrams and the calibration error.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017, equations 2 and 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.bootstrap import REPEATS, SEED, ConfidenceInterval, draws

BINS = 15  # of equal width, as in the paper


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence; ``low`` belongs to the next lower one, but for 0."""

    low: float
    high: float
    answers: int
    groups: int
    confidence: float  # mean, in [0, 1]
    accuracy: float  # share that is right
    interval: ConfidenceInterval  # of the accuracy


@dataclass(frozen=True, slots=True)
class Reliability:
    """The bins that have answers, and all together."""

    bins: tuple[Bin, ...]
    answers: int
    groups: int
    confidence: float
    accuracy: float
    error: float  # expected calibration error: mean of |accuracy - confidence|, weighted by answers
    interval: (
        ConfidenceInterval  # of the error; it lies a little high, since every draw adds noise to each bin
    )

    @property
    def verdict(self) -> str:
        """Return in words which way the model is wrong about itself."""
        gap = self.confidence - self.accuracy
        if abs(gap) < 0.01:
            return "on average as sure as it may be"
        way = "too sure" if gap > 0 else "not sure enough"
        return f"{way}: says {self.confidence:.1%}, true in {self.accuracy:.1%}"


def reliability(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    groups: Sequence[str],
    *,
    bins: int = BINS,
    seed: int = SEED,
    repeats: int = REPEATS,
) -> Reliability:
    """Return how confidence in [0, 1] and being right go together, in M answers.

    An answer is a label and its probability: that of the likeliest one, or of each that may be there.

    Args:
        groups: (M) whose image each is about: what is drawn for the intervals.
    """
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    flat, shape = group * bins + bin_of, (len(names), bins)
    answers, good, sure = (
        np.bincount(flat, weights, minlength=len(names) * bins).reshape(shape)
        for weights in (np.ones(len(bin_of)), right.astype(np.float64), confidence)
    )

    # What a draw of groups adds up to is a product: times drawn (R, G) x sums of each group (G, bins).
    times = np.stack(list(draws(names.tolist(), seed=seed, repeats=repeats))).astype(np.float64)
    drawn, drawn_good, drawn_sure = times @ answers, times @ good, times @ sure
    errors = np.abs(drawn_good - drawn_sure).sum(axis=1) / np.maximum(1, drawn.sum(axis=1))
    accuracies = drawn_good / np.maximum(1, drawn)

    total, total_good, total_sure = answers.sum(axis=0), good.sum(axis=0), sure.sum(axis=0)
    filled = tuple(
        Bin(
            number / bins,
            (number + 1) / bins,
            int(total[number]),
            int((answers[:, number] > 0).sum()),
            float(total_sure[number] / total[number]),
            float(total_good[number] / total[number]),
            ConfidenceInterval.of(accuracies[drawn[:, number] > 0, number]),
        )
        for number in np.flatnonzero(total)
    )
    error = float(np.abs(total_good - total_sure).sum() / len(bin_of))
    means = float(confidence.mean()), float(right.mean())
    return Reliability(filled, len(bin_of), len(names), *means, error, ConfidenceInterval.of(errors))

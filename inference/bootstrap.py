"""How sure a score is: what it would have been with other people among the validated ones.

Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; percentile intervals. Groups are drawn, not
images: the photos of one person are right or wrong together, so they say less than as many photos of others.
A label that nobody in a draw has scores as it would anywhere, so with few people a macro-F1 comes out low.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.draws import Draws
from dataset.tasks.base import Logits, Scorer, Targets, Task
from utils.metrics import Weights

REPEATS = 1000
SEED = 0  # of whatever run, so that a run's intervals are the same wherever they are printed
_SHARE = 0.95  # of the draws that lie inside


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """Where a value lies in 95 % of the draws, both ends included."""

    low: float
    high: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "ConfidenceInterval":
        """Return the interval that leaves out as many of the values below as above.

        A draw of which a score says nothing (NaN) is left out; NaN where it says nothing of any.
        """
        values = values[~np.isnan(values)]
        if not len(values):
            return cls(np.nan, np.nan)
        low, high = np.quantile(values, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
        return cls(float(low), float(high))

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Difference:
    """One score of A and of B on the same images, and what B has more."""

    a: float
    b: float
    of_a: ConfidenceInterval
    of_b: ConfidenceInterval
    between: ConfidenceInterval  # of B - A, in the same draws
    better: float  # the share of draws in which B's is better; a draw with equal scores counts half
    direction: int = 1  # 1: more is better; -1: less is

    @property
    def value(self) -> float:
        return self.b - self.a

    @property
    def verdict(self) -> int:
        """1 if B is better beyond noise, -1 if A is, and 0 if that is not decided."""
        return self.direction * ((self.between.low > 0) - (self.between.high < 0))


def intervals(
    task: Task,
    logits: Logits,
    targets: Targets,
    groups: Sequence[str],
    *,
    seed: int = SEED,
    repeats: int = REPEATS,
) -> dict[str, ConfidenceInterval]:
    """Return the interval of each of the task's scores.

    Args:
        groups: (N) whose image it is.
    """
    values = task.scorer(logits, targets).drawn(Draws(groups, seed, repeats))
    return {name: ConfidenceInterval.of(of_score) for name, of_score in values.items()}


def differences(
    a: Scorer, b: Scorer, groups: Sequence[str], *, seed: int = SEED, repeats: int = REPEATS
) -> dict[str, Difference]:
    """Return how the scores that both have differ, in the order of A's.

    Args:
        a: scores N images by one prediction.
        b: scores the same images, in the same order, by another one.
        groups: (N) whose image it is.
    """
    scores_a, scores_b = a(), b()
    draws = Draws(groups, seed, repeats)
    drawn_a, drawn_b = a.drawn(draws), b.drawn(draws)
    return {
        name: _difference(scores_a[name], scores_b[name], drawn_a[name], drawn_b[name], a.direction(name))
        for name in scores_a
        if name in scores_b
    }


def _difference(
    a: float, b: float, drawn_a: NDArray[np.float64], drawn_b: NDArray[np.float64], direction: int
) -> Difference:
    fewest = min(len(drawn_a), len(drawn_b))
    between = drawn_b[:fewest] - drawn_a[:fewest]
    known = between[~np.isnan(between)]
    better = float(np.mean((direction * np.sign(known) + 1) / 2)) if len(known) else 0.5
    of_a, of_b = ConfidenceInterval.of(drawn_a), ConfidenceInterval.of(drawn_b)
    return Difference(a, b, of_a, of_b, ConfidenceInterval.of(between), better, direction)


def draws(groups: Sequence[str], *, seed: int, repeats: int) -> Iterator[Weights]:
    """Yield how often each image counts (N): as often as its group was drawn, with replacement."""
    return Draws(groups, seed, repeats).weights(repeats)

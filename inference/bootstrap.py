"""How sure a score is: what it would have been with other people among the validated ones.

Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; percentile intervals. Groups are drawn, not
images: the photos of one person are right or wrong together, so they say less than as many photos of others.
A label that nobody in a draw has scores as it would anywhere, so with few people a macro-F1 comes out low.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset.tasks.base import Logits, Scorer, Targets, Task
from utils.metrics import Weights
from utils.seeds import numpy_generator

REPEATS = 1000
SEED = 0  # of whatever run, so that a run's intervals are the same wherever they are printed
_SHARE = 0.95  # of the draws that lie inside


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a value lies in 95 % of the draws, both ends included."""

    low: float
    high: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Interval":
        """Return the interval that leaves out as many of the values below as above."""
        low, high = np.quantile(values, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
        return cls(float(low), float(high))

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Difference:
    """One score of A and of B on the same images, and what B has more."""

    a: float
    b: float
    of_a: Interval
    of_b: Interval
    between: Interval  # of B - A, in the same draws
    better: float  # the share of draws in which B's is higher; a draw with equal scores counts half

    @property
    def value(self) -> float:
        return self.b - self.a


def intervals(
    task: Task,
    logits: Logits,
    targets: Targets,
    groups: Sequence[str],
    *,
    seed: int = SEED,
    repeats: int = REPEATS,
) -> dict[str, Interval]:
    """Return the interval of each of the task's scores.

    Args:
        groups: (N) whose image it is.
    """
    (found,) = drawn([task.scorer(logits, targets)], groups, seed=seed, repeats=repeats)
    return {name: Interval.of(values) for name, values in found.items()}


def differences(
    a: Scorer, b: Scorer, groups: Sequence[str], *, seed: int = SEED, repeats: int = REPEATS
) -> dict[str, Difference]:
    """Return how the scores that both have differ, in the order of A's.

    Args:
        a: scores N images by one prediction.
        b: scores the same images, in the same order, by another one.
        groups: (N) whose image it is.
    """
    once = np.ones(len(groups), dtype=np.int64)
    scores_a, scores_b = a(once), b(once)
    drawn_a, drawn_b = drawn([a, b], groups, seed=seed, repeats=repeats)
    return {
        name: Difference(
            scores_a[name],
            scores_b[name],
            Interval.of(drawn_a[name]),
            Interval.of(drawn_b[name]),
            Interval.of(drawn_b[name] - drawn_a[name]),
            float(np.mean((np.sign(drawn_b[name] - drawn_a[name]) + 1) / 2)),
        )
        for name in scores_a
        if name in scores_b
    }


def draws(groups: Sequence[str], *, seed: int, repeats: int) -> Iterator[Weights]:
    """Yield how often each image counts (N): as often as its group was drawn, with replacement.

    The order of the images changes nothing about what each of them gets.
    """
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    generator = numpy_generator("bootstrap", seed)
    for _ in range(repeats):
        drawn = generator.integers(len(names), size=len(names))
        yield np.bincount(drawn, minlength=len(names))[group]


def drawn(
    scorers: Sequence[Scorer], groups: Sequence[str], *, seed: int = SEED, repeats: int = REPEATS
) -> list[dict[str, NDArray[np.float64]]]:
    """Return the scores (repeats,) by name of each scorer, all of them in the same draws."""
    found = [[scorer(weights) for scorer in scorers] for weights in draws(groups, seed=seed, repeats=repeats)]
    return [
        {name: np.array([scores[name] for scores in of]) for name in of[0]} for of in zip(*found, strict=True)
    ]

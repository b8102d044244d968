"""Whether two histograms of answers differ more than two samples of the same people would.

The distance is the total variation, half the sum of |p_k - q_k| over the K labels: of one-of answers it is
the share of rows that would have to change for the histograms to be the same.

How large it is without any drift depends on the number of *people*: the photos of one are alike, so 700
photos of 100 people say little more about a mix of classes than 100 photos of 100. A chi-square test counts
every photo and calls nearly every pair of such samples different. So both samples are drawn anew, by person,
from the reference (Efron, "Bootstrap Methods", 1979): as many people as it has, and as many as the other
sample has if it has as many photos of each. The distance that 1 % of these pairs exceed is the limit. As in a
chi-square test, labels that fewer than five people have are counted together: no draw can show a label that
nobody has.

What it can't see: images of another kind (scenes, cameras) on which each label is answered as often as
before, however wrongly; and two labels that are as frequent as one another, exchanged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.tasks.answers import Answers
from utils.seeds import numpy_generator

ALARMS = 0.01  # the share of pairs of samples without drift that are warned of
REPEATS = 1000
_FEWEST = 5  # people who must have a label for it to be counted by itself
_AT_ONCE = 2_000_000  # weights that are drawn at a time: 8 MB
Sums = NDArray[np.float32]  # (G, K + 1): each person's sum of each label, and the rows that count


@dataclass(frozen=True, slots=True)
class LabelShift:
    """A label and the share of rows that say it, before and now."""

    label: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How far two histograms lie apart, and how far they would without drift."""

    distance: float
    limit: float  # that 1 % of pairs exceed; infinite where too few people have each label to tell
    people: tuple[int, int]  # whose images it is about, as far as that can be told from the reference
    shifts: tuple[LabelShift, ...]  # every label, the most shifted first

    @property
    def is_drift(self) -> bool:
        """Whether it is more than chance gives."""
        return self.distance > self.limit


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the total variation of two histograms (K) of shares."""
    return float(np.abs(a - b).sum() / 2)


def shifts(before: Answers, now: Answers) -> tuple[LabelShift, ...]:
    """Return every label's share of rows, the most shifted first."""
    a, b = before.mean, now.mean
    order = np.argsort(-np.abs(b - a), kind="stable")
    return tuple(LabelShift(now.labels[i], float(a[i]), float(b[i])) for i in order)


def drift(
    reference: Answers,
    groups: Sequence[str],
    now: Answers,
    *,
    before: Answers | None = None,
    alarms: float = ALARMS,
    seed: int = 0,
) -> Drift:
    """Return how answers to one question differ from those of the reference, or from earlier ones.

    Args:
        reference: what was answered for N validation images.
        groups: (N) whose images these are.
        now: the answers to look at, of other images.
        before: earlier answers about the same images as ``now``: it is held against these, with the limit of
            two samples of as many people. That is much, as a better model moves a histogram less than other
            people would.
        alarms: the share of pairs without drift that may be warned of.
    """
    sums = _sums(reference, groups)
    rare = (sums[:, :-1] > 0).sum(axis=0) < _FEWEST
    here = _people(sums, now)
    people = (len(sums) if before is None else here, here)

    before = reference if before is None else before
    shares = [_together(answers.mean[None], rare)[0] for answers in (before, now)]

    limit = math.inf
    if not rare.all():  # else there is but one sum, which is always 1
        drawn = _distances(np.column_stack([_together(sums[:, :-1], rare), sums[:, -1]]), people, seed)
        limit = float(np.quantile(drawn, 1 - alarms))
    return Drift(distance(*shares), limit, people, shifts(before, now))


def _sums(answers: Answers, groups: Sequence[str]) -> Sums:
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), len(answers.labels) + 1), dtype=np.float32)
    rows = np.column_stack([answers.shares, answers.counted.astype(np.float32)])
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(names)))
    sums[:] = np.add.reduceat(rows[order], starts, axis=0)
    return sums


def _people(sums: Sums, now: Answers) -> int:
    """Return how many people ``now`` shows if each has as many rows as in the reference."""
    return max(1, round(int(now.counted.sum()) * len(sums) / max(1.0, float(sums[:, -1].sum()))))


def _together(values: NDArray[Any], rare: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values (N, K) with those of rare labels added up into one."""
    return np.column_stack([values[:, ~rare], values[:, rare].sum(axis=1)])


def _distances(sums: Sums, people: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Return the distance of each of the pairs of samples (``REPEATS``)."""
    generator = numpy_generator("drift", seed)
    distances: list[NDArray[np.float64]] = []
    block = max(1, _AT_ONCE // max(len(sums), *people))
    for start in range(0, REPEATS, block):
        count = min(block, REPEATS - start)
        a, b = (_drawn_shares(sums, size, count, generator) for size in people)
        distances.append(np.abs(a - b).sum(axis=1) / 2)
    return np.concatenate(distances)


def _drawn_shares(sums: Sums, size: int, count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return the histograms (count, K) of ``count`` samples of ``size`` people."""
    drawn = generator.integers(len(sums), size=(count, size)) + len(sums) * np.arange(count)[:, None]
    times = np.bincount(drawn.ravel(), minlength=count * len(sums)).reshape(count, len(sums))
    totals = (times.astype(np.float32) @ sums).astype(np.float64)
    return np.asarray(totals[:, :-1] / np.maximum(totals[:, -1:], 1))

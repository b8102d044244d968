"""Searches for the best limits of answers: a score is a step function of one limit, gone through exactly.

As a limit rises images go over from one answer to another, one after another; what each of them changes in
the counts of an additive metric is added up on the way.

Shapes: N images, K labels, S steps.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.base import Floats, Metric
from dataset.metrics.evidence import Evidence
from dataset.metrics.tally import Tally

_MOST = 400_000  # steps x counts that are held; beyond that neighbouring steps are one
_SWEEPS = 3
_TRIED = 64  # limits for all labels at once
_SAME = 1e-12  # what rounding makes of equal scores


def answered(evidence: Evidence, chosen: NDArray[Any]) -> Evidence:
    """Return the same evidence with these answers."""
    return replace(evidence, decide=lambda: chosen)


def goodness(metric: Metric, evidence: Evidence, chosen: NDArray[Any]) -> float:
    """Return the score of these answers, the higher the better."""
    return metric.direction * metric.score(answered(evidence, chosen))


def steps(
    metric: Metric, before: Evidence, after: Evidence, key: Floats, low: float, high: float
) -> tuple[Floats, Floats]:
    """Return limits (S) and how good the answers are (S) when images up to each one have gone over.

    Args:
        metric: an additive one.
        before: the images with the answers that they have at first.
        after: the same images with the other answers.
        key: (N) an image goes over where the limit is at least this.
        low: the first limit lies in the middle between this and the lowest key.
        high: the last one lies in the middle between this and the highest key.
    """
    values, step = np.unique(key, return_inverse=True)
    first, then = metric.tally(before), metric.tally(after)
    most = max(16, _MOST // first.width)
    if len(values) > most:
        step = step * most // len(values)
        values_of = np.arange(len(values)) * most // len(values)
    else:
        values_of = np.arange(len(values))

    size = int(values_of[-1]) + 1
    change = _by_step(then, step, size) - _by_step(first, step, size)
    sums = first.sums() + np.concatenate([np.zeros((1, first.width)), change.cumsum(axis=0)])
    starts = np.searchsorted(values_of, np.arange(size + 1))
    edges = np.concatenate([[low], values, [high]])
    return (edges[starts] + edges[starts + 1]) / 2, metric.direction * metric.value(sums)


def _by_step(tally: Tally, step: NDArray[np.int64], size: int) -> Floats:
    flat = step[tally.image] * tally.width + tally.count
    sums = np.bincount(flat, tally.amount, size * tally.width).astype(np.float64)
    return sums.reshape(size, tally.width)


def limits_of_labels(metric: Metric, evidence: Evidence, default: float) -> Floats:
    """Return a threshold for each label (K,), from which on it is chosen, with which the score is best.

    Where labels score by themselves each one's is the best there is, the highest of equally good ones, in
    the middle between two probabilities; otherwise none of them can be moved alone so that the score gets
    better, or three sweeps are done. ``default`` for a label that changes nothing.
    """
    count = len(evidence.labels)
    limits = np.full(count, default)
    if not len(evidence):
        return limits
    if metric.by_label:
        for label in range(count):
            limits[label] = _moved(metric, evidence.only([label]), limits[[label]], 0)
        return limits

    limits[:] = limit_of_all(metric, evidence, default)
    for _ in range(_SWEEPS):
        kept = limits.copy()
        for label in range(count):
            limits[label] = _moved(metric, evidence, limits, label)
        if (limits == kept).all():
            break
    return limits


def _moved(metric: Metric, evidence: Evidence, limits: Floats, label: int) -> float:
    """Return the best limit of one label while those of the others stay."""
    sure = evidence.probabilities.astype(np.float64)
    without = sure >= limits
    chosen = without[:, label].copy()
    without[:, label] = False
    has = without.copy()
    has[:, label] = True

    tried, good = steps(
        metric, answered(evidence, without), answered(evidence, has), -sure[:, label], -1.0, 0.0
    )
    if sure[:, label].max() >= 1:
        good[0] = -np.inf  # no threshold leaves out what is certain
    without[:, label] = chosen
    now = goodness(metric, evidence, without)
    return float(-tried[np.argmax(good >= good.max() - _SAME)]) if good.max() > now + _SAME else limits[label]


def limit_of_all(metric: Metric, evidence: Evidence, default: float) -> float:
    """Return one threshold for all labels with which the score is best; ``default`` if none is better.

    Of many different probabilities 64 are tried, and 64 between those beside the best one.
    """
    sure = evidence.probabilities.astype(np.float64)
    values = np.unique(sure)
    best, score = default, goodness(metric, evidence, sure >= default)
    low, high = 0, len(values)  # the limit below the value at each index, or above all
    edges = np.concatenate([[0.0], values, [1.0]])
    while True:
        tried = np.unique(np.linspace(low, high, _TRIED).round().astype(np.int64))
        for edge in tried[::-1]:
            limit = (edges[edge] + edges[edge + 1]) / 2
            good = goodness(metric, evidence, sure >= limit)
            if good > score + _SAME:
                best, score = float(limit), good
        if len(tried) == high - low + 1:
            return best

        middle = int(np.searchsorted(values, best))
        wide = -(-(high - low) // (_TRIED - 1))
        low, high = max(0, middle - wide), min(len(values), middle + wide)


def cuts_of(metric: Metric, evidence: Evidence, expected: Floats) -> Floats:
    """Return rising cuts (K - 1) of expected grades: as many as lie below an image's are its grade.

    From the middles between grades, from those that give each grade to as many images as have it, and from
    equally many images a grade, one cut at a time, until none can be moved so that the score gets better:
    the best of these ends.

    Args:
        expected: (N) in [0, K - 1].
    """
    grades = len(evidence.labels)
    middles = np.asarray(np.arange(grades - 1) + 0.5, dtype=np.float64)
    known = evidence.known
    if not len(known):
        return middles
    shares = np.bincount(evidence.true[known], minlength=grades).cumsum()[:-1] / len(known)
    quantiles = (np.quantile(expected[known], levels) for levels in (shares, (middles + 0.5) / grades))
    starts = [middles, *(np.asarray(cuts, dtype=np.float64) for cuts in quantiles)]

    ends = [_climbed(metric, evidence, expected, start.copy()) for start in starts]
    good = [goodness(metric, evidence, graded(expected, cuts)) for cuts in ends]
    return ends[int(np.argmax(good))]


def graded(expected: Floats, cuts: Floats) -> NDArray[np.int64]:
    """Return the grade of each image (N): the cuts below its expected one."""
    return np.searchsorted(cuts, expected)


def _climbed(metric: Metric, evidence: Evidence, expected: Floats, cuts: Floats) -> Floats:
    last = len(cuts)
    for _ in range(20):
        kept = cuts.copy()
        for cut in range(last):
            grade = graded(expected, cuts)
            near = (grade == cut) | (grade == cut + 1)
            if not near.any():
                continue
            now = goodness(metric, evidence, grade)
            before = answered(evidence, np.where(near, cut + 1, grade))
            after = answered(evidence, np.where(near, cut, grade))

            # All others stay as they are, wherever they are put.
            key = np.where(near, expected, expected[near].min())
            low = cuts[cut - 1] if cut else -0.5
            high = cuts[cut + 1] if cut + 1 < last else last + 0.5
            tried, good = steps(metric, before, after, key, low, high)
            if good.max() > now + _SAME:
                cuts[cut] = tried[good.argmax()]
        if (cuts == kept).all():
            break
    return cuts

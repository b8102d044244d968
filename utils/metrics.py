"""Counts of classes, thresholds and average precision, with the set of classes fixed.

*weights* (N,) say how often each image counts, in whole numbers: what a bootstrap draws.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Weights = NDArray[np.int64]


def confusion_matrix(
    true: NDArray[np.int64], chosen: NDArray[np.int64], classes: int, weights: Weights | None = None
) -> Counts:
    """Return counts (K, K): row = true class, column = chosen class.

    Args:
        true: (N,) class indices in [0, K), or -1 where the label is not known: left out.
        chosen: (N,) class indices in [0, K).
        weights: how often each counts; None = once.
    """
    known = true >= 0
    flat = true[known] * classes + chosen[known]
    counts = np.bincount(flat, None if weights is None else weights[known], minlength=classes * classes)
    return counts.astype(np.int64).reshape(classes, classes)


class SortedPrecision:
    """The average precision of each of several labels: sorted once, counted often.

    Args:
        true: (N, K) which images have which label.
        scores: (N, K) finite, higher means surer.
    """

    def __init__(self, true: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> None:
        order, positive, last, _ = _ranked(true, scores)
        # For each label: all images in order; those that have it; and of each of these the place, among
        # all and among them, after the last one with an equal score.
        self.labels = []
        for images, has, ends in zip(order, positive, last, strict=True):
            until = ends[has] + 1
            among = np.searchsorted(np.flatnonzero(has), until)
            self.labels.append((images, images[has], until, among))

    def scores(self, weights: Weights | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the average precision of each label (K,) in [0, 1]; NaN for a label without a positive.

        AP = sum over n of (R_n - R_(n-1)) P_n, over the thresholds from the highest, equal scores being
        one threshold: as sklearn's ``average_precision_score``.
        """
        precision = np.full(len(self.labels), np.nan)
        for label, (images, positive, until, among) in enumerate(
            self.labels
        ):  # one at a time: it fits a cache
            gain = weights[positive]
            if total := gain.sum():
                predicted, right = weights[images].cumsum()[until - 1], gain.cumsum()[among - 1]
                precision[label] = (gain * right / np.where(predicted > 0, predicted, 1)).sum() / total
        return precision


def mean_average_precision(true: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> float:
    """Return the mean over labels of ``SortedPrecision``, for those that ask often of other scores.

    Labels without a positive are left out; 0 if no label has one. The precision at a positive's threshold
    counts once for each positive.
    """
    of_labels = []
    for has, values in zip(true.T, scores.T, strict=True):
        if not has.any():
            continue
        every, positive = np.sort(values), np.sort(values[has])
        predicted = len(every) - np.searchsorted(every, positive)
        right = len(positive) - np.searchsorted(positive, positive)
        of_labels.append(float((right / predicted).mean()))
    return sum(of_labels) / max(1, len(of_labels))


def best_thresholds(
    true: NDArray[np.bool_], scores: NDArray[np.floating[Any]], default: float
) -> NDArray[np.float64]:
    """Return for each label (K,) a threshold with the highest F1 that any has on these images.

    It lies in the middle between two scores (below the lowest one: at half of it), and is the highest of
    equally good ones; ``default`` for a label without a positive. A label is chosen at or above it.

    Args:
        true: (N, K) which images have which label.
        scores: (N, K) in [0, 1].
    """
    if not len(true):
        return np.full(true.shape[1], default)
    _, positive, last, ranked = _ranked(true, scores)
    right = np.take_along_axis(positive.cumsum(axis=1), last, axis=1)
    f1 = 2 * right / (last + 1 + true.sum(axis=0)[:, None])
    at = (np.arange(true.shape[1]), f1.argmax(axis=1))
    below = np.hstack([ranked[:, 1:], np.zeros_like(ranked[:, :1])])[at[0], last[at]]
    return np.where(true.any(axis=0), (ranked[at] + below) / 2, default)


def _ranked(
    true: NDArray[np.bool_], scores: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
    """Return four arrays (K, N), each label's images from its highest score down.

    They are: which image it is; whether it has the label; the place of the last one with an equal score;
    and the score itself.
    """
    order = np.ascontiguousarray(np.argsort(-scores, axis=0, kind="stable").T)
    positive = np.take_along_axis(true.T, order, axis=1)
    ranked = np.take_along_axis(scores.T, order, axis=1).astype(np.float64)
    count = len(scores)
    ends = np.ones_like(positive)
    ends[:, :-1] = ranked[:, :-1] != ranked[:, 1:]
    # The nearest end at or after each place.
    last = np.minimum.accumulate(np.where(ends, np.arange(count), count)[:, ::-1], axis=1)[:, ::-1]
    return order, positive, last, ranked


def in_words(score: str) -> str:
    """Return a score's name as people write it: ``age macro-F1`` for ``age/macro_f1``."""
    return score.replace("/", " ").replace("_f1", "-F1")


def label_scores(score: str, labels: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    """Return {``score/label``: value}."""
    return {f"{score}/{label}": float(value) for label, value in zip(labels, values, strict=True)}

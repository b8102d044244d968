"""Accuracy, F1 and average precision, with the set of classes fixed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def confusion_matrix(true: NDArray[np.int64], chosen: NDArray[np.int64], classes: int) -> Counts:
    """Return counts (K, K): row = true class, column = chosen class.

    Args:
        true: (N,) class indices in [0, K), or -1 where the label is not known: left out.
        chosen: (N,) class indices in [0, K).
    """
    known = true >= 0
    flat = true[known] * classes + chosen[known]
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: Counts) -> float:
    """Return the share of right answers in [0, 1]; 0 when there are none."""
    return float(np.trace(confusion) / max(1, confusion.sum()))


def f1_scores(confusion: Counts) -> NDArray[np.float64]:
    """Return the F1 of each class (K,) in [0, 1]; a class that never occurs has 0.

    F1 = 2 TP / (2 TP + FP + FN), as sklearn's ``f1_score(labels=range(K), zero_division=0)``.
    """
    right = np.diag(confusion)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    return np.asarray(2 * right / np.maximum(1, total), dtype=np.float64)


def average_precisions(true: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the average precision of each label (K,) in [0, 1]; NaN for a label without a positive.

    AP = sum over n of (R_n - R_(n-1)) P_n, over the thresholds from the highest, equal scores being
    one threshold: as sklearn's ``average_precision_score``, for all labels at once.

    Args:
        true: (N, K) which images have which label.
        scores: (N, K) finite, higher means surer.
    """
    positive, right, predicted, _ = _ranked(true, scores)
    total = true.sum(axis=0)
    precision = right / np.maximum(1, predicted)
    return np.where(total > 0, (positive * precision).sum(axis=0) / np.maximum(1, total), np.nan)


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
    _, right, predicted, ranked = _ranked(true, scores)
    if not len(ranked):
        return np.full(true.shape[1], default)
    f1 = 2 * right / (predicted + true.sum(axis=0))
    at = (f1.argmax(axis=0), np.arange(true.shape[1]))
    last = predicted[at] - 1  # of the scores that are equal to this one
    below = np.vstack([ranked[1:], np.zeros_like(ranked[:1])])[last, at[1]]
    return np.where(true.any(axis=0), (ranked[at] + below) / 2, default)


def multi_label_f1_scores(
    true: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Return the F1 of each label (K,), and the micro-F1: that of all labels' counts added up.

    F1 = 2 TP / (2 TP + FP + FN), 0 for a label that is neither true nor chosen, as sklearn's
    ``f1_score(average=None, zero_division=0)`` and ``average="micro"``.

    Args:
        true: (N, K) which images have which label.
        chosen: (N, K) which were chosen.
    """
    right, total = (true & chosen).sum(axis=0), true.sum(axis=0) + chosen.sum(axis=0)
    return 2 * right / np.maximum(1, total), float(2 * right.sum() / max(1, total.sum()))


def _ranked(
    true: NDArray[np.bool_], scores: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return four arrays (N, K), each label's from its highest score down.

    They are: whether the image has the label; how many of those with this score or a higher one have it;
    how many there are of those; and the score itself.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    positive = np.take_along_axis(true, order, axis=0)
    ranked = np.take_along_axis(scores, order, axis=0).astype(np.float64)
    count = len(ranked)
    place = np.arange(count)[:, None]
    ends = np.ones_like(positive)
    ends[:-1] = ranked[:-1] != ranked[1:]
    # The place of the last one with an equal score: the nearest end at or after each place.
    last = np.minimum.accumulate(np.where(ends, place, count)[::-1], axis=0)[::-1]
    return positive, np.take_along_axis(positive.cumsum(axis=0), last, axis=0), last + 1, ranked


def in_words(score: str) -> str:
    """Return a score's name as people write it: ``macro-F1`` for ``macro_f1``."""
    return score.rpartition("/")[2].replace("_f1", "-F1")

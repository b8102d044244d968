"""Accuracy and F1 from confusion matrices, with the set of classes fixed."""

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

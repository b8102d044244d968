"""The scores of one question with one right label."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from utils.metrics import Weights, accuracy, f1_scores, label_scores

Scorer = Callable[[Weights], dict[str, float]]  # from how often each image counts to scores


def one_of_scorer(true: NDArray[np.int64], chosen: NDArray[np.int64], labels: Sequence[str]) -> Scorer:
    """Return what gives macro-F1, accuracy and each label's F1, from label indices (N); -1 = not labelled."""
    known, classes = true >= 0, len(labels)
    pair = true[known] * classes + chosen[known]  # the place of each image in the confusion matrix

    def scores(weights: Weights) -> dict[str, float]:
        counts = np.bincount(pair, weights[known], minlength=classes**2)
        confusion = counts.astype(np.int64).reshape(classes, classes)
        f1 = f1_scores(confusion)
        found = {"macro_f1": float(f1.mean()), "accuracy": accuracy(confusion)}
        return found | label_scores("f1", labels, f1)

    return scores

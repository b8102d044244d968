"""What gives the scores of one question where an image counts several times, or not at all."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from utils.metrics import AveragePrecision, LabelF1, Weights, accuracy, f1_scores, label_scores

Scorer = Callable[[Weights], dict[str, float]]


def one_of_scorer(true: NDArray[np.int64], chosen: NDArray[np.int64], labels: Sequence[str]) -> Scorer:
    """Return what gives macro-F1, accuracy and the F1 of each label, of which an image has one.

    Args:
        true: (N,) label indices, or -1 where the label is not known: left out.
        chosen: (N,) label indices.
    """
    known, classes = true >= 0, len(labels)
    pair = true[known] * classes + chosen[known]  # the place of each image in the confusion matrix

    def scores(weights: Weights) -> dict[str, float]:
        counts = np.bincount(pair, weights[known], minlength=classes**2)
        confusion = counts.astype(np.int64).reshape(classes, classes)
        f1 = f1_scores(confusion)
        found = {"macro_f1": float(f1.mean()), "accuracy": accuracy(confusion)}
        return found | label_scores("f1", labels, f1)

    return scores


def any_of_scorer(
    labels: Sequence[str],
    true: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    probabilities: NDArray[np.floating[Any]],
) -> Scorer:
    """Return what gives mAP, macro-F1, micro-F1 and the F1 of each label, of which an image may have any.

    Args:
        true: (N, K) which images have which label.
        chosen: (N, K) which were chosen.
        probabilities: (N, K) of each label.
    """
    precision, label_f1 = AveragePrecision(true, probabilities), LabelF1(true, chosen)

    def scores(weights: Weights) -> dict[str, float]:
        precisions = precision.scores(weights)
        f1, micro = label_f1.scores(weights)
        found = {
            "mAP": 0.0 if np.isnan(precisions).all() else float(np.nanmean(precisions)),
            "macro_f1": float(f1.mean()),
            "micro_f1": micro,
        }
        return found | label_scores("f1", labels, f1)

    return scores


def level_scorer(choices: Tensor, targets: Tensor, labels: Sequence[str]) -> Scorer:
    """Return what gives macro-F1, accuracy and each label's F1 of a level, on the images labelled there.

    Args:
        choices: (N, K) above 0 where a label was chosen.
        targets: (N, K); a row of zeros is not labelled.
    """
    true, chosen = labelled_only(choices, targets)
    labelled = np.asarray((targets > 0).any(dim=1).cpu().numpy())
    right, label_f1 = (true & chosen).any(axis=1), LabelF1(true, chosen)

    def scores(weights: Weights) -> dict[str, float]:
        weights = weights[labelled]
        f1, _ = label_f1.scores(weights)
        found = {
            "macro_f1": float(f1.mean()),
            "accuracy": float(weights[right].sum() / max(1, weights.sum())),
        }
        return found | label_scores("f1", labels, f1)

    return scores


def labelled_only(choices: Tensor, targets: Tensor) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the label that each labelled image (M, K) has, and what was chosen for it (M, K)."""
    labelled = (targets > 0).any(dim=1)
    largest = targets[labelled].argmax(dim=1, keepdim=True)
    true = torch.zeros_like(targets[labelled], dtype=torch.bool).scatter_(1, largest, True)
    return np.asarray(true.cpu().numpy()), np.asarray((choices[labelled] > 0).cpu().numpy())

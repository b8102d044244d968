"""Confident learning: which given labels a model contradicts, and how strongly.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021. It needs
the probabilities of models that were not trained on what they judge. M things are judged, with K labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from utils.metrics import Counts

LabelProbabilities = NDArray[np.float64]  # (M, K)
LabelIndices = NDArray[np.int64]  # (M,) class indices; -1 = none
RuleName = Literal["prune_by_noise_rate", "confident_learning"]
NO_LABEL = -1
_SMALLEST = 1e-6  # predictions are kept with six decimals


@dataclass(frozen=True, slots=True)
class ConfidentJoint:
    """What confident learning counts in M given labels.

    Args:
        thresholds: (K) the mean probability of a label where it is given; infinite where it never is.
        counts: (K, K) row = given, column = confident label; what is confident of no label is left out.
        confident: (M) the confident label; -1 = none.
    """

    thresholds: NDArray[np.float64]
    counts: Counts
    confident: LabelIndices

    @classmethod
    def of(cls, given: LabelIndices, probabilities: LabelProbabilities) -> "ConfidentJoint":
        """Return it for labels (M,) and probabilities (M, K), whose rows sum to one.

        t_j = mean of p_j over what is labelled j; the confident label is the likeliest j with p_j >= t_j
        (equations 1 and 2). A class that is seldom given, and so always held unlikely, has a low threshold.
        """
        classes = probabilities.shape[1]
        of_given = probabilities[np.arange(len(given)), given]
        images = np.bincount(given, minlength=classes)
        sums = np.bincount(given, of_given, minlength=classes)
        thresholds = np.where(images > 0, sums / np.maximum(1, images), np.inf)

        reached = np.where(probabilities >= thresholds, probabilities, -1.0)
        confident = np.where((reached >= 0).any(axis=1), reached.argmax(axis=1), NO_LABEL)
        known = confident != NO_LABEL
        cells = given[known] * classes + confident[known]
        counts = np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
        return cls(thresholds, counts, confident)


class Rule(Protocol):
    """Return what each label should be (M,) where it is doubted; -1 where it is not."""

    def __call__(self, given: LabelIndices, probabilities: LabelProbabilities) -> LabelIndices: ...


def confident_learning(given: LabelIndices, probabilities: LabelProbabilities) -> LabelIndices:
    """Doubt what is off the joint's diagonal: the confident label is another one (the paper's method 2)."""
    confident = ConfidentJoint.of(given, probabilities).confident
    return np.where(confident == given, NO_LABEL, confident)


def prune_by_noise_rate(given: LabelIndices, probabilities: LabelProbabilities) -> LabelIndices:
    """Doubt as many labels as the joint says are wrong, the strongest contradicted first (method 4).

    Of what is labelled i, Q_ij = images_i * C_ij / (sum over j of C_ij) belongs to j (equation 3): those with
    the largest p_j - p_i. Where the given label is the likeliest one it is not doubted, and at least one
    image of each label counts as right, both as in cleanlab, whose default this is.
    """
    counts = ConfidentJoint.of(given, probabilities).counts.copy()
    np.fill_diagonal(counts, np.maximum(1, np.diag(counts)))
    images = np.bincount(given, minlength=len(counts))
    wrong = np.rint(images[:, None] * counts / counts.sum(axis=1, keepdims=True)).astype(np.int64)
    np.fill_diagonal(wrong, 0)

    doubted = np.zeros(len(given), dtype=np.bool_)
    for label, other in np.argwhere(wrong):
        rows = np.flatnonzero(given == label)
        gaps = probabilities[rows, label] - probabilities[rows, other]
        doubted[rows[np.argsort(gaps, kind="stable")[: wrong[label, other]]]] = True
    likeliest = probabilities.argmax(axis=1)
    return np.where(doubted & (likeliest != given), likeliest, NO_LABEL)


RULES: Mapping[RuleName, Rule] = {
    "prune_by_noise_rate": prune_by_noise_rate,
    "confident_learning": confident_learning,
}


def margins(given: LabelIndices, probabilities: LabelProbabilities) -> NDArray[np.float64]:
    """Return the probability of each given label less that of the likeliest other one (M,), in [-1, 1]."""
    rows = np.arange(len(given))
    others = probabilities.copy()
    others[rows, given] = -1.0
    return np.asarray(probabilities[rows, given] - others.max(axis=1))


def worst_first(doubted: LabelIndices, margin: NDArray[np.float64]) -> LabelIndices:
    """Return the indices of what is doubted, worst margin first; of equal ones the earlier first."""
    rows = np.flatnonzero(doubted != NO_LABEL)
    return np.asarray(rows[np.argsort(margin[rows], kind="stable")])


def pooled(probabilities: LabelProbabilities, group: NDArray[np.int64], groups: int) -> LabelProbabilities:
    """Return one judgement of each group (G, K) from those of its images (N, K): their geometric mean.

    p_k = exp(mean of log p_k), made to sum to one. Adding the logarithms up would give the same order of
    labels, but as if the photos of a person were wrong independently of one another, which they are not.

    Args:
        group: (N) which group each image is of, in [0, G).
    """
    logs = np.log(np.maximum(probabilities, _SMALLEST))
    sums = np.stack([np.bincount(group, column, minlength=groups) for column in logs.T], axis=1)
    means = np.exp(sums / np.maximum(1, np.bincount(group, minlength=groups))[:, None])
    return np.asarray(means / means.sum(axis=1, keepdims=True))

"""Confident learning: which given labels a model contradicts, and how strongly.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021. It needs
the probabilities of models that were not trained on what they judge. M things are judged, with K labels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.metrics import Counts

Probabilities = NDArray[np.float64]
_SMALLEST = 1e-6  # predictions are kept with six decimals


@dataclass(frozen=True, slots=True)
class Confident:
    """What confident learning says of M given labels.

    Args:
        thresholds: (K) the mean probability of a label where it is given; infinite where it never is.
        joint: (K, K) row = given, column = confident label; what is confident of no label is left out.
        label: (M) the confident label; -1 = none.
        margin: (M) in [-1, 1]: the probability of the given label less that of the likeliest other one.
    """

    thresholds: NDArray[np.float64]
    joint: Counts
    label: NDArray[np.int64]
    margin: NDArray[np.float64]

    @classmethod
    def of(cls, given: NDArray[np.int64], probabilities: Probabilities) -> "Confident":
        """Return it for labels (M,) and probabilities (M, K), whose rows sum to one.

        t_j = mean of p_j over what is labelled j; the confident label is the likeliest j with p_j >= t_j
        (equations 1 and 2). A class that is seldom given, and so always held unlikely, has a low threshold.
        """
        count = probabilities.shape[1]
        own = probabilities[np.arange(len(given)), given]
        images = np.bincount(given, minlength=count)
        sums = np.bincount(given, own, minlength=count)
        thresholds = np.where(images > 0, sums / np.maximum(1, images), np.inf)
        reached = np.where(probabilities >= thresholds, probabilities, -1.0)
        label = np.where((reached >= 0).any(axis=1), reached.argmax(axis=1), -1)
        known = label >= 0
        joint = np.bincount(given[known] * count + label[known], minlength=count * count)
        others = probabilities.copy()
        others[np.arange(len(given)), given] = -1.0
        return cls(thresholds, joint.reshape(count, count), label, own - others.max(axis=1))

    def suspects(self, given: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what is off the joint's diagonal, worst margin first; of equal ones the earlier first."""
        doubted = np.flatnonzero((self.label >= 0) & (self.label != given))
        return np.asarray(doubted[np.argsort(self.margin[doubted], kind="stable")])


def pooled(probabilities: Probabilities, group: NDArray[np.int64], groups: int) -> Probabilities:
    """Return one judgement of each group (G, K) from those of its images (N, K): their geometric mean.

    p_k = exp(mean of log p_k), made to sum to one. Adding the logarithms up would give the same order of
    labels, but as if the photos of a person were wrong independently of one another, which they are not.

    Args:
        group: (N) which group each image is of, in [0, G).
    """
    logs = np.log(np.maximum(probabilities, _SMALLEST))
    sums = np.stack([np.bincount(group, column, minlength=groups) for column in logs.T], axis=1)
    found = np.exp(sums / np.maximum(1, np.bincount(group, minlength=groups))[:, None])
    return np.asarray(found / found.sum(axis=1, keepdims=True))

"""Means over images, and what is counted of each one."""

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.base import Floats
from dataset.metrics.evidence import Evidence, Indices


def mean_of(sums: Floats) -> Floats:
    """Return a mean of counts (..., 2): the sum of all values, and the number of images; 0 of none."""
    return np.asarray(sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], 1))


def image_counts(evidence: Evidence) -> tuple[Floats, Floats, Floats]:
    """Return of each labelled image (M,) how many of its labels are right, true and chosen."""
    position = np.full(len(evidence), -1)
    position[evidence.known] = np.arange(len(evidence.known))

    def counted(images: Indices) -> Floats:
        return np.bincount(position[images], minlength=len(evidence.known)).astype(np.float64)

    pairs = (evidence.right_pairs, evidence.true_pairs, evidence.chosen_pairs)
    right, true, chosen = (counted(images) for images, _ in pairs)
    return right, true, chosen


def sure_of_true(evidence: Evidence) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the probabilities (M, K) of the labelled images, and their one true label (M,)."""
    known = evidence.known
    return evidence.probabilities[known].astype(np.float64), evidence.true[known]

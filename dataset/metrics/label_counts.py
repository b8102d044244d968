"""Right, true and chosen images of each label, and what is made of them.

F-beta = (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP); 0 for a label that is neither true nor chosen, as
scikit-learn's ``fbeta_score(labels=range(K), zero_division=0)``.
"""

import numpy as np

from dataset.metrics.base import Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.tally import Tally


def label_counts(evidence: Evidence) -> Tally:
    """Return counts (3 K): images of each label that are right, that have it, and that were given it."""
    pairs = (evidence.right_pairs, evidence.true_pairs, evidence.chosen_pairs)
    return Tally.of_pairs(*pairs, labels=len(evidence.labels))


def parts_of(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return right, true and chosen (..., K) of such counts (..., 3 K)."""
    right, true, chosen = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    return right, true, chosen


def f_beta(right: Floats, true: Floats, chosen: Floats, beta: float = 1.0) -> Floats:
    """Return F-beta in [0, 1] of counts, whatever their shape."""
    weight = beta**2
    # 1 in place of 0 / 0, as for counts of images; with weights below 1 the sum is kept as it is.
    total = weight * true + chosen
    return np.asarray((1 + weight) * right / np.where(total > 0, total, 1))


def label_f1(sums: Floats) -> Floats:
    """Return the F1 of each label (..., K)."""
    return f_beta(*parts_of(sums))

"""The mean of the labels' recall."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.tally import Tally


@METRICS.register
class BalancedAccuracy(AdditiveMetric):
    """The mean recall of the labels that some image has, in [0, 1].

    As scikit-learn's ``balanced_accuracy_score``.
    """

    name = "balanced_accuracy"
    suits = frozenset({"one_of"})

    def tally(self, evidence: Evidence) -> Tally:
        return Tally.of_pairs(evidence.right_pairs, evidence.true_pairs, labels=len(evidence.labels))

    def value(self, sums: Floats) -> Floats:
        right, true = np.moveaxis(sums.reshape(*sums.shape[:-1], 2, -1), -2, 0)
        occurs = true > 0
        recalls = right / np.where(occurs, true, 1)
        return np.asarray(recalls.sum(axis=-1) / np.maximum(1, occurs.sum(axis=-1)))

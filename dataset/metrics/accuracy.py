"""The share of right answers."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.means import mean_of
from dataset.metrics.tally import Tally


@METRICS.register
class Accuracy(AdditiveMetric):
    """The share of images that are answered without a fault, in [0, 1].

    As scikit-learn's ``accuracy_score``.
    """

    name = "accuracy"
    per_image = True

    def tally(self, evidence: Evidence) -> Tally:
        right = evidence.right
        return Tally.of_sums(evidence.known, right, np.ones(len(right)))

    def value(self, sums: Floats) -> Floats:
        return mean_of(sums)

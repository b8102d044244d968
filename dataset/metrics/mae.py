"""The mean absolute error."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.means import mean_of
from dataset.metrics.numbers import NumberMetric
from dataset.metrics.tally import Tally


@METRICS.register
class MAE(NumberMetric, AdditiveMetric):
    """The mean absolute error, in the unit of the numbers; lower is better."""

    name = "mae"
    per_image = True
    higher_is_better = False

    def tally(self, evidence: Evidence) -> Tally:
        true, answered = evidence.numbers()
        return Tally.of_sums(evidence.known, np.abs(true - answered), np.ones(len(true)))

    def value(self, sums: Floats) -> Floats:
        return mean_of(sums)

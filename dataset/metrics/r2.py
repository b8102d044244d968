"""The share of the spread that is explained."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.numbers import NumberMetric, moments
from dataset.metrics.tally import Tally


@METRICS.register
class R2(NumberMetric, AdditiveMetric):
    """The coefficient of determination, at most 1; 0 = as good as the mean; as scikit-learn's ``r2_score``.

    Where all true numbers are equal it is 1 for right answers and otherwise 0.
    """

    name = "r2"

    def tally(self, evidence: Evidence) -> Tally:
        return moments(evidence)

    def value(self, sums: Floats) -> Floats:
        count, x, _, xx, _, _, errors = np.moveaxis(sums, -1, 0)
        spread = xx - x * x / np.where(count > 0, count, 1)
        varies = spread > 1e-12 * xx
        constant = np.where((errors > 0) | (count == 0), 0.0, 1.0)
        return np.asarray(np.where(varies, 1 - errors / np.where(varies, spread, 1), constant))

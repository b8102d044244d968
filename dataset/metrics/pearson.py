"""The correlation of numbers."""

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.numbers import NumberMetric, correlation, moments
from dataset.metrics.tally import Tally


@METRICS.register
class Pearson(NumberMetric, AdditiveMetric):
    """Pearson's correlation of true and answered numbers, in [-1, 1]; 0 where either are all equal."""

    name = "pearson"

    def tally(self, evidence: Evidence) -> Tally:
        return moments(evidence)

    def value(self, sums: Floats) -> Floats:
        return correlation(sums)

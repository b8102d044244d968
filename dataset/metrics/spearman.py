"""The correlation of ranks."""

import numpy as np

from dataset.metrics.base import METRICS, AnyWeights, Repeated, RepeatedMetric
from dataset.metrics.evidence import Evidence
from dataset.metrics.numbers import NumberMetric
from dataset.metrics.ranks import Ties


@METRICS.register
class Spearman(NumberMetric, RepeatedMetric):
    """Spearman's correlation: Pearson's of the ranks, in [-1, 1].

    Equal numbers share the mean of their ranks; 0 where either are all equal.
    """

    name = "spearman"

    def prepared(self, evidence: Evidence) -> Repeated:
        known = evidence.known
        true, answered = (Ties(numbers) for numbers in evidence.numbers())

        def score(weights: AnyWeights) -> float:
            counted = np.ones(len(known)) if weights is None else weights[known].astype(np.float64)
            x, y = true.ranks(counted), answered.ranks(counted)
            total = max(1.0, counted.sum())
            x, y = x - counted @ x / total, y - counted @ y / total
            spread = np.sqrt((counted @ (x * x)) * (counted @ (y * y)))
            return float(counted @ (x * y) / spread) if spread > 0 else 0.0

        return score

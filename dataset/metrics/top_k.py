"""Whether the right label is among the likeliest ones."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.means import mean_of
from dataset.metrics.ranks import rank_of_true
from dataset.metrics.tally import Tally
from utils.convert import Count


@METRICS.register
class TopK(AdditiveMetric):
    """The share of images whose label is among the ``k`` likeliest, in [0, 1].

    As scikit-learn's ``top_k_accuracy_score``, which ranks the later of equally likely labels higher.

    Args:
        k: how many.
    """

    needs = "probabilities"
    suits = frozenset({"one_of"})
    per_image = True

    def __init__(self, *, k: Count = 5) -> None:
        self.k, self.name = k, f"top{k}_accuracy"

    def tally(self, evidence: Evidence) -> Tally:
        among = rank_of_true(evidence) < self.k
        return Tally.of_sums(evidence.known, among, np.ones(len(among)))

    def worths(self, labels: int) -> Floats:
        return np.asarray(np.arange(labels) < self.k, dtype=np.float64)

    def value(self, sums: Floats) -> Floats:
        return mean_of(sums)

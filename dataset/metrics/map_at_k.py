"""How high the right labels stand among the likeliest ones."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import AnyOfEvidence, Evidence
from dataset.metrics.means import mean_of
from dataset.metrics.ranks import rank_of_true
from dataset.metrics.tally import Tally
from utils.convert import Count


@METRICS.register
class MapAtK(AdditiveMetric):
    """The mean over images of the average precision of the ``k`` likeliest labels (MAP@k), in [0, 1].

    AP@k = sum over i up to k of (share of right labels among the first i, where the i-th is right) / min(k,
    number of right ones); with one right label 1 / its place. An image without a label counts 0.

    Args:
        k: how many labels are submitted.
    """

    needs = "probabilities"
    per_image = True

    def __init__(self, *, k: Count = 5) -> None:
        self.k, self.name = k, f"map_at_{k}"

    def tally(self, evidence: Evidence) -> Tally:
        precisions = self._precisions(evidence)
        return Tally.of_sums(evidence.known, precisions, np.ones(len(precisions)))

    def _precisions(self, evidence: Evidence) -> Floats:
        if evidence.kind != AnyOfEvidence.kind:
            rank = rank_of_true(evidence)
            return np.asarray(np.where(rank < self.k, 1 / (rank + 1), 0.0))

        # The later of equally likely labels stands higher, as in TopK.
        sure = evidence.probabilities[evidence.known]
        likeliest = np.argsort(sure, axis=1, kind="stable")[:, ::-1][:, : self.k]
        right = np.take_along_axis(evidence.marks, likeliest, axis=1)
        precisions = right.cumsum(axis=1) / np.arange(1, right.shape[1] + 1)
        most = np.minimum(self.k, evidence.marks.sum(axis=1))
        return np.asarray((precisions * right).sum(axis=1) / np.maximum(1, most))

    def worths(self, labels: int) -> Floats:
        ranks = np.arange(labels)
        return np.where(ranks < self.k, 1 / (ranks + 1), 0.0)

    def value(self, sums: Floats) -> Floats:
        return mean_of(sums)

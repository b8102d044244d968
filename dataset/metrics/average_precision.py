"""The mean of the labels' average precision."""

from collections.abc import Sequence

import numpy as np

from dataset.metrics.base import METRICS, AnyWeights, Floats, Repeated, RepeatedMetric, Statistic
from dataset.metrics.curves import Curve, Curves
from dataset.metrics.evidence import Evidence
from dataset.metrics.positive import check_positive, scored_labels
from utils.metrics import SortedPrecision, mean_average_precision


@METRICS.register
class AveragePrecision(RepeatedMetric):
    """The mean average precision (mAP), in [0, 1]; a label that no image has is left out, 0 without any.

    As scikit-learn's ``average_precision_score`` of each label; of two labels that of ``positive``.

    Args:
        positive: the label of two that is looked for; none = the last one.
    """

    name = "mAP"
    needs = "probabilities"

    def __init__(self, *, positive: str | None = None) -> None:
        self.positive = positive

    def check(self, labels: Sequence[str], kind: str) -> None:
        super().check(labels, kind)
        check_positive(self.positive, labels, kind)

    def statistic(self, evidence: Evidence) -> Statistic:
        labels, known = list(scored_labels(evidence, self.positive)), evidence.known
        marks, sure = evidence.marks[:, labels], evidence.probabilities[known][:, labels]
        return Curves(known, marks, sure, _of_curve, 0.0, lambda: self.prepared(evidence))

    def prepared(self, evidence: Evidence) -> Repeated:
        labels, known = list(scored_labels(evidence, self.positive)), evidence.known
        of_labels = SortedPrecision(evidence.marks[:, labels], evidence.probabilities[known][:, labels])
        once = np.ones(len(known), dtype=np.int64)

        def score(weights: AnyWeights) -> float:
            precisions = of_labels.scores(once if weights is None else weights[known])
            return 0.0 if np.isnan(precisions).all() else float(np.nanmean(precisions))

        return score

    def score(self, evidence: Evidence, weights: AnyWeights = None) -> float:
        if weights is not None:
            return self.prepared(evidence)(weights)
        labels, known = list(scored_labels(evidence, self.positive)), evidence.known
        return mean_average_precision(evidence.marks[:, labels], evidence.probabilities[known][:, labels])


def _of_curve(curve: Curve) -> Floats:
    """Return the sum over ties of the precision there, each as often as images with the label are in it."""
    right = curve.gained.cumsum(axis=1)
    precision = right / np.maximum(1, right + curve.until)
    total = right[:, -1]
    known = np.where(total > 0, total, 1)
    return np.asarray(np.where(total > 0, (curve.gained * precision).sum(axis=1) / known, np.nan))

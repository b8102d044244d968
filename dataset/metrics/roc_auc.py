"""The area under the ROC curve."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.base import METRICS, AnyWeights, Floats, Repeated, RepeatedMetric, Statistic
from dataset.metrics.curves import Curve, Curves
from dataset.metrics.evidence import Evidence
from dataset.metrics.positive import check_positive, scored_labels
from dataset.metrics.ranks import Ties
from utils.convert import Fraction

_ROUNDING = 1e-12  # what a difference of sums leaves where there is nothing
OfLabel = Callable[[NDArray[Any]], float | None]


@METRICS.register
class RocAuc(RepeatedMetric):
    """The share of pairs of an image with a label and one without that are in the right order, in [0, 1].

    As scikit-learn's ``roc_auc_score``: of two labels that of ``positive``; of more the mean over labels,
    each against the rest, without those that all images have or none (as by chance where that leaves
    nothing).

    Args:
        positive: the label of two that is looked for; none = the last one.
        above: only that part of the area that lies above this sensitivity, which is at most 1 - above: the
            partial AUC of ISIC 2024 with 0.8 lies in [0, 0.2].
    """

    needs = "probabilities"

    def __init__(self, *, positive: str | None = None, above: Fraction = 0.0) -> None:
        if above == 1:
            raise ValueError("above = 1 leaves nothing of the curve")
        self.positive, self.above = positive, above
        self.name = f"roc_auc_above_{above:g}" if above else "roc_auc"

    def check(self, labels: Sequence[str], kind: str) -> None:
        super().check(labels, kind)
        check_positive(self.positive, labels, kind)

    def statistic(self, evidence: Evidence) -> Statistic:
        labels, known = list(scored_labels(evidence, self.positive)), evidence.known
        marks, sure = evidence.marks[:, labels], evidence.probabilities[known][:, labels]
        by_chance = (1 - self.above) ** 2 / 2
        return Curves(known, marks, sure, self._of_curve, by_chance, lambda: self.prepared(evidence))

    def _of_curve(self, curve: Curve) -> Floats:
        """Return the area above the sensitivity as a sum over ties; the curve is a line along each."""
        right = curve.gained.cumsum(axis=1)
        positives, negatives = right[:, -1:], curve.others[:, None]
        says = (positives > 0) & (negatives > 0)
        positives, negatives = np.where(says, positives, 1), np.where(says, negatives, 1)

        # From the sensitivity ``low`` to ``high``, in the middle of which the fall-out is ``wrong``.
        first, last = (right - curve.gained) / positives, right / positives
        low, high = first.clip(self.above), last.clip(self.above)
        along = np.where(
            last > first, ((low + high) / 2 - first) / np.where(last > first, last - first, 1), 0
        )
        wrong = (curve.before + along * (curve.until - curve.before)) / negatives
        return np.asarray(np.where(says[:, 0], ((high - low) * (1 - wrong)).sum(axis=1), np.nan))

    def prepared(self, evidence: Evidence) -> Repeated:
        known, marks = evidence.known, evidence.marks
        sure = evidence.probabilities[known]
        labels = [
            self._of_label(marks[:, label], sure[:, label])
            for label in scored_labels(evidence, self.positive)
        ]

        def score(weights: AnyWeights) -> float:
            counted = np.ones(len(known)) if weights is None else weights[known]
            areas = [area for of_label in labels if (area := of_label(counted)) is not None]
            return float(np.mean(areas)) if areas else (1 - self.above) ** 2 / 2  # as by chance

        return score

    def _of_label(self, true: NDArray[np.bool_], sure: NDArray[np.floating[Any]]) -> OfLabel:
        # From the surest image down; where equal ones end the curve has its points.
        ordered = Ties(-sure)
        has, ends = true[ordered.order], ordered.ends

        def area(weights: NDArray[Any]) -> float | None:
            counted = weights[ordered.order].astype(np.float64)
            right = (counted * has).cumsum()[ends]
            wrong = counted.cumsum()[ends] - right
            if not len(right) or right[-1] <= 0 or wrong[-1] <= _ROUNDING * right[-1]:
                return None
            sensitivity = np.concatenate([[0.0], right / right[-1]])
            fall_out = np.concatenate([[0.0], wrong / wrong[-1]])
            return area_above(fall_out, sensitivity, self.above)

        return area


def area_above(fall_out: NDArray[np.float64], sensitivity: NDArray[np.float64], above: float) -> float:
    """Return the area between a curve, which rises from (0, 0) to (1, 1), and the line of a sensitivity."""
    if not above:
        return float(np.trapezoid(sensitivity, fall_out))
    # As of the curve with its axes exchanged, up to 1 - above.
    x, y = 1 - sensitivity[::-1], 1 - fall_out[::-1]
    last = 1 - above
    end = int(np.searchsorted(x, last, side="right"))
    if end < len(x):
        share = (last - x[end - 1]) / (x[end] - x[end - 1])
        x = np.append(x[:end], last)
        y = np.append(y[:end], y[end - 1] + share * (y[end] - y[end - 1]))
    return float(np.trapezoid(y, x))

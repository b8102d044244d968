"""F1 with recall worth more, or less, than precision."""

from typing import Literal

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.label_counts import f_beta, label_counts, parts_of
from dataset.metrics.means import image_counts, mean_of
from dataset.metrics.tally import Tally
from utils.convert import Positive


@METRICS.register
class FBeta(AdditiveMetric):
    """F-beta in [0, 1]: recall counts ``beta`` times as much as precision.

    As scikit-learn's ``fbeta_score(zero_division=0)``.

    Args:
        beta: 2 for F2, 0.5 for F0.5.
        average: ``macro``: the mean of the labels' own; ``micro``: that of all labels' counts added up;
            ``samples``: the mean of the images' own, where any number of labels is right.
    """

    def __init__(
        self, *, beta: Positive = 2.0, average: Literal["macro", "micro", "samples"] = "macro"
    ) -> None:
        self.beta, self.average = beta, average
        self.name = f"{average}_f{beta:g}"
        self.by_label = average == "macro"  # type: ignore[misc]
        if average == "samples":
            self.suits = frozenset({"any_of"})  # type: ignore[misc]

    def tally(self, evidence: Evidence) -> Tally:
        if self.average != "samples":
            return label_counts(evidence)
        values = f_beta(*image_counts(evidence), self.beta)
        return Tally.of_sums(evidence.known, values, np.ones(len(values)))

    def value(self, sums: Floats) -> Floats:
        if self.average == "samples":
            return mean_of(sums)
        right, true, chosen = parts_of(sums)
        if self.average == "micro":
            right, true, chosen = (counts.sum(axis=-1, keepdims=True) for counts in (right, true, chosen))
        return np.asarray(f_beta(right, true, chosen, self.beta).mean(axis=-1))

"""The mean of the labels' F1."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.label_counts import label_counts, label_f1
from dataset.metrics.tally import Tally


@METRICS.register
class MacroF1(AdditiveMetric):
    """The mean of the labels' F1, in [0, 1]: a rare label counts as much as a frequent one.

    As scikit-learn's ``f1_score(average="macro", labels=range(K), zero_division=0)``.
    """

    name = "macro_f1"
    by_label = True

    def tally(self, evidence: Evidence) -> Tally:
        return label_counts(evidence)

    def value(self, sums: Floats) -> Floats:
        return np.asarray(label_f1(sums).mean(axis=-1))

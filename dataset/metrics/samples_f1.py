"""The mean of the images' F1."""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.label_counts import f_beta
from dataset.metrics.means import image_counts, mean_of
from dataset.metrics.tally import Tally
from utils.convert import Fraction


@METRICS.register
class SamplesF1(AdditiveMetric):
    """The mean over images of the F1 of each one's labels, in [0, 1].

    As scikit-learn's ``f1_score(average="samples", zero_division=empty)``.

    Args:
        empty: what an image counts that has no label and was given none, in [0, 1].
    """

    name = "samples_f1"
    suits = frozenset({"any_of"})
    per_image = True

    def __init__(self, *, empty: Fraction = 0.0) -> None:
        self.empty = empty

    def tally(self, evidence: Evidence) -> Tally:
        right, true, chosen = image_counts(evidence)
        f1 = np.where(true + chosen > 0, f_beta(right, true, chosen), self.empty)
        return Tally.of_sums(evidence.known, f1, np.ones(len(f1)))

    def value(self, sums: Floats) -> Floats:
        return mean_of(sums)

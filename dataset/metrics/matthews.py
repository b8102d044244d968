"""The correlation of answers and labels.

Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.
"""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.tally import Tally


@METRICS.register
class Matthews(AdditiveMetric):
    """The Matthews correlation coefficient, in [-1, 1]; 0 = by chance, or where all answers are one.

    As scikit-learn's ``matthews_corrcoef``.
    """

    name = "matthews"
    suits = frozenset({"one_of"})

    def tally(self, evidence: Evidence) -> Tally:
        images, chosen = evidence.chosen_pairs
        right = Tally.of_sums(images, evidence.true[images] == chosen)
        shares = Tally.of_pairs(
            (images, evidence.true[images]), (images, chosen), labels=len(evidence.labels)
        )
        return Tally.joined([right, shares])

    def value(self, sums: Floats) -> Floats:
        true, chosen = np.moveaxis(sums[..., 1:].reshape(*sums.shape[:-1], 2, -1), -2, 0)
        count = true.sum(axis=-1)
        together = sums[..., 0] * count - (true * chosen).sum(axis=-1)
        of_true, of_chosen = (count**2 - (counts**2).sum(axis=-1) for counts in (true, chosen))
        spread = np.sqrt(of_true * of_chosen)
        return np.asarray(np.where(spread > 0, together / np.where(spread > 0, spread, 1), 0.0))

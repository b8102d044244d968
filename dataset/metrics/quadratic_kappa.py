"""Agreement of grades beyond chance.

Cohen, "Weighted kappa", Psychological Bulletin 70, 1968.
"""

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.tally import Tally


@METRICS.register
class QuadraticKappa(AdditiveMetric):
    """The quadratic weighted kappa of grades in their order, in [-1, 1]; 0 = by chance.

    1 - sum (i - j)^2 O / sum (i - j)^2 E, with O the counts of true grade i and answer j, and E those that
    their shares alone would give: as scikit-learn's ``cohen_kappa_score(weights="quadratic",
    labels=range(K))``; 0 where all true grades and all answers are one.
    """

    name = "quadratic_kappa"
    graded = True
    suits = frozenset({"one_of"})

    def tally(self, evidence: Evidence) -> Tally:
        # Of the images that have an answer the squares of the distances, and both kinds of shares.
        images, chosen = evidence.chosen_pairs
        true = evidence.true[images]
        squares = Tally.of_sums(images, (true - chosen) ** 2)
        shares = Tally.of_pairs((images, true), (images, chosen), labels=len(evidence.labels))
        return Tally.joined([squares, shares])

    def value(self, sums: Floats) -> Floats:
        true, chosen = np.moveaxis(sums[..., 1:].reshape(*sums.shape[:-1], 2, -1), -2, 0)
        grades = np.arange(true.shape[-1], dtype=np.float64)
        count = true.sum(axis=-1)

        # sum over i, j of t_i c_j (i - j)^2 = C sum t i^2 + T sum c j^2 - 2 sum t i sum c j, with T = C.
        by_chance = count * (true @ grades**2 + chosen @ grades**2) - 2 * (true @ grades) * (chosen @ grades)
        ratio = count * sums[..., 0] / np.where(by_chance > 0, by_chance, 1)
        return np.asarray(np.where(by_chance > 0, 1 - ratio, 0.0))

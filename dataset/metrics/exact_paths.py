"""The share of images with every level right."""

from collections.abc import Sequence

import numpy as np

from dataset.metrics.accuracy import Accuracy
from dataset.metrics.base import METRICS
from dataset.metrics.evidence import Evidence, OneOfEvidence


@METRICS.register
class ExactPaths(Accuracy):
    """The share of images that are right in all questions at once, in [0, 1].

    An image counts if it is labelled in some of them; a question in which it is not labelled is not wrong.
    """

    name = "path_accuracy"
    together = True

    def joined(self, evidence: Sequence[Evidence]) -> Evidence:
        wrong = np.zeros(len(evidence[0]), dtype=np.int64)
        known = np.zeros(len(wrong), dtype=bool)
        for part in evidence:
            known[part.known] = True
            wrong[part.known[~part.right]] = 1

        # As one question: is there a fault?
        true = np.where(known, 0, -1)
        shares = np.ones((len(wrong), 2))
        return OneOfEvidence(("right", "wrong"), true, lambda: wrong, lambda: shares)

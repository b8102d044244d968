"""How unlikely the truth was held to be."""

from typing import Annotated

import numpy as np

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import AnyOfEvidence, Evidence
from dataset.metrics.means import mean_of, sure_of_true
from dataset.metrics.tally import Tally
from utils.convert import Interval


@METRICS.register
class LogLoss(AdditiveMetric):
    """The mean of -log of the probability that the true label got, in nats; lower is better.

    As scikit-learn's ``log_loss``. Where any number of labels is right it is the mean over labels, each
    being there or not.

    Args:
        clip: probabilities are taken to lie in [clip, 1 - clip], as organisers do, so that a mistake in all
            certainty costs -log clip.
    """

    name = "log_loss"
    calibrated = True
    needs = "probabilities"
    per_image = True
    higher_is_better = False

    def __init__(self, *, clip: Annotated[float, Interval(0, 0.4)] = 1e-15) -> None:
        self.clip = clip

    def tally(self, evidence: Evidence) -> Tally:
        losses = self._losses(evidence)
        return Tally.of_sums(evidence.known, losses, np.ones(len(losses)))

    def _losses(self, evidence: Evidence) -> Floats:
        if evidence.kind == AnyOfEvidence.kind:
            sure, true = evidence.probabilities[evidence.known].astype(np.float64), evidence.marks
            of_truth = np.where(true, sure, 1 - sure)
            return np.asarray(-np.log(of_truth.clip(self.clip, 1 - self.clip)).mean(axis=1))
        sure, label = sure_of_true(evidence)
        of_truth = sure[np.arange(len(label)), label]
        return np.asarray(-np.log(of_truth.clip(self.clip, 1 - self.clip)))

    def value(self, sums: Floats) -> Floats:
        return mean_of(sums)

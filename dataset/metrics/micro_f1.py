"""The F1 of all labels' counts added up."""

from dataset.metrics.base import METRICS, AdditiveMetric, Floats
from dataset.metrics.evidence import Evidence
from dataset.metrics.label_counts import f_beta
from dataset.metrics.tally import Tally


@METRICS.register
class MicroF1(AdditiveMetric):
    """The F1 of all labels' counts added up, in [0, 1].

    As scikit-learn's ``f1_score(average="micro", zero_division=0)``; of one label an image it is accuracy.
    """

    name = "micro_f1"

    def tally(self, evidence: Evidence) -> Tally:
        pairs = (evidence.right_pairs, evidence.true_pairs, evidence.chosen_pairs)
        return Tally.of_pairs(*((images, 0 * labels) for images, labels in pairs), labels=1)

    def value(self, sums: Floats) -> Floats:
        return f_beta(sums[..., 0], sums[..., 1], sums[..., 2])

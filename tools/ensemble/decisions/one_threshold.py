"""One threshold for all labels of which any may be right."""

import numpy as np

from dataset.metrics.base import Floats, Metric
from dataset.metrics.evidence import Evidence
from dataset.metrics.steps import limit_of_all
from tools.ensemble.decisions.base import DECISIONS
from tools.ensemble.decisions.thresholds import Thresholds


@DECISIONS.register
class OneThreshold(Thresholds):
    """All logits shifted so that the one threshold with the best score lands at the task's own.

    It has one number to find, so it stays true on few images where a threshold for each label is noise.
    """

    def _limits(self, metric: Metric, evidence: Evidence, usual: float) -> Floats:
        return np.full(len(evidence.labels), limit_of_all(metric, evidence, usual))

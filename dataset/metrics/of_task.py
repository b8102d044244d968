"""The metrics that a task has by itself."""

from collections.abc import Sequence

from dataset.metrics.base import METRICS, Metric


@METRICS.register
class OfTask(Metric):
    """Those that the task has by itself: macro-F1 and accuracy, or for tags mAP, macro-F1 and micro-F1."""

    name = "of_task"

    def instead_of(self, metrics: Sequence[Metric]) -> Sequence[Metric]:
        return metrics

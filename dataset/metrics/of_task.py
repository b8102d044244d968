"""The metrics that a task has by itself."""

from dataset.metrics.base import METRICS, Metric


@METRICS.register
class OfTask(Metric):
    """None but those that the task has by itself, which stand behind all others.

    They are macro-F1 and accuracy, or for tags mAP, macro-F1 and micro-F1.
    """

    name = ""
    suits = frozenset()

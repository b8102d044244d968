"""Probabilities that are as sure as they are right.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

import math

from torch import Tensor

from dataset.metrics.base import Metric
from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import Fitted, SpaceProbabilities, Truth, logits_of, normalised

_STEPS = 60  # each makes the interval of log T smaller by a third
_WIDEST = 3.0  # |log T|: T from 1/20 to 20


@DECISIONS.register
class Temperature(Decision):
    """Logits / T, with the T of each label space that has the lowest log loss.

    For a score of how sure answers are. No order of labels changes, so no other score does.
    """

    def serves(self, metric: Metric) -> bool:
        return metric.calibrated

    def fit(self, probabilities: SpaceProbabilities, truth: Truth) -> Fitted:
        logits = logits_of(truth.task, probabilities)
        return {s.name: _best(s, logits[s.name], truth.targets[s.name]) for s in self.spaces(truth.task)}

    def apply(self, probabilities: SpaceProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        logits = logits_of(task, probabilities)
        cooled = {s.name: normalised(s, logits[s.name] / fitted[s.name]) for s in self.spaces(task)}
        return {**probabilities, **cooled}


def _best(space: Space, logits: Tensor, targets: Tensor) -> float:
    """Return the temperature; the loss is convex in 1 / T, so it has one valley in log T."""

    def loss(log_t: float) -> float:
        return float(space.surprise(logits * math.exp(-log_t), targets).double().sum())

    low, high = -_WIDEST, _WIDEST
    for _ in range(_STEPS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return math.exp((low + high) / 2)

"""A threshold for each label of which any may be right."""

import numpy as np
import torch

from dataset.tasks.base import Task
from dataset.tasks.spaces import AnyOf
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import Fitted, Probabilities, Truth, logits_of, normalised
from utils.metrics import best_thresholds

_MIDDLE = 0.5  # for a label that no image has
_LEAST = 1e-6  # of a threshold, whose logit has to be finite


@DECISIONS.register
class Thresholds(Decision):
    """Each label's logits moved so that the threshold with its best F1 lands at the task's own.

    For spaces where any label may be right, chosen from a threshold on. The order of a label's images stays.
    """

    def suits(self, task: Task) -> bool:
        return all(isinstance(space, AnyOf) for space in task.spaces)

    def fit(self, probabilities: Probabilities, truth: Truth) -> Fitted:
        thresholds = {}
        for space in truth.task.spaces:
            true = np.asarray((truth.targets[space.name] >= 0.5).numpy())
            thresholds[space.name] = best_thresholds(
                true, probabilities[space.name].numpy(), _MIDDLE
            ).tolist()
        return thresholds

    def apply(self, probabilities: Probabilities, fitted: Fitted, task: Task) -> Probabilities:
        logits, moved = logits_of(task, probabilities), {}
        for space in task.spaces:
            best, usual = (
                torch.tensor(values, dtype=torch.float64).clamp(_LEAST, 1 - _LEAST).logit()
                for values in (fitted[space.name], getattr(space, "thresholds", (_MIDDLE,)))
            )
            moved[space.name] = normalised(space, logits[space.name] - best + usual)
        return moved

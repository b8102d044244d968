"""A threshold for each label of which any may be right."""

import torch

from dataset.metrics.base import Floats, Metric
from dataset.metrics.evidence import Evidence
from dataset.metrics.steps import limits_of_labels
from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import Fitted, SpaceProbabilities, Truth, logits_of, normalised

_LEAST = 1e-6  # of a threshold, whose logit has to be finite


@DECISIONS.register
class Thresholds(Decision):
    """Each label's logits shifted so that its threshold with the best score lands at the task's own.

    For spaces where any label may be right, chosen from a threshold on; for a score of what was chosen, such
    as macro-F1. The order of a label's images stays.
    """

    def changes(self, space: Space) -> bool:
        return space.kind == "any_of" and None not in space.limits

    def serves(self, metric: Metric) -> bool:
        return metric.additive and metric.needs == "choices" and not metric.together

    def fit(self, probabilities: SpaceProbabilities, truth: Truth) -> Fitted:
        asked, task = self.served(truth.task), truth.task
        evidence = task.evidence(logits_of(task, probabilities), truth.targets)
        limits = {space.name: [float(limit or 0) for limit in space.limits] for space in self.spaces(task)}
        if asked is None:
            return limits

        fitted = dict(limits)
        for name in set(asked.questions) & set(limits):
            fitted[name] = self._limits(asked.metric, evidence[name], limits[name][0]).tolist()
        judge = self.judged(truth)
        better = judge.score(self.apply(probabilities, fitted, task)) >= judge.score(probabilities)
        return fitted if better else limits

    def _limits(self, metric: Metric, evidence: Evidence, usual: float) -> Floats:
        return limits_of_labels(metric, evidence, usual)

    def apply(self, probabilities: SpaceProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        logits, shifted = logits_of(task, probabilities), dict(probabilities)
        for space in self.spaces(task):
            best, usual = (
                torch.tensor(values, dtype=torch.float64).clamp(_LEAST, 1 - _LEAST).logit()
                for values in (fitted[space.name], [float(limit or 0) for limit in space.limits])
            )
            shifted[space.name] = normalised(space, logits[space.name] - best + usual)
        return shifted

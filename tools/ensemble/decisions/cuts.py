"""Cuts of the expected grade."""

import numpy as np
import torch
from torch import Tensor

from dataset.metrics.base import Floats, Metric
from dataset.metrics.steps import cuts_of
from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import Fitted, SpaceProbabilities, Truth, logits_of

_WIDTH = 0.8  # of a grade's stretch: what lies beside a cut stays clear of it in a file's six digits


@DECISIONS.register
class Cuts(Decision):
    """The grade between whose cuts the expected grade sum(k p_k) lies, the cuts being those that score best.

    For labels in the order of their grades, and a score that looks at how far an answer is from the right
    one: the quadratic kappa, or the error of a number. What it returns says little of how sure a grade is.
    """

    def changes(self, space: Space) -> bool:
        return space.kind == "one_of"

    def serves(self, metric: Metric) -> bool:
        return metric.additive and metric.graded and not metric.together

    def fit(self, probabilities: SpaceProbabilities, truth: Truth) -> Fitted:
        asked, task = self.served(truth.task), truth.task
        cuts: dict[str, list[float]] = {space.name: [] for space in self.spaces(task)}
        if asked is None:
            return cuts

        evidence = task.evidence(logits_of(task, probabilities), truth.targets)
        fitted = dict(cuts)
        for name in set(asked.questions) & set(cuts):
            fitted[name] = cuts_of(asked.metric, evidence[name], _expected(probabilities[name])).tolist()
        judge = self.judged(truth)
        better = judge.score(self.apply(probabilities, fitted, task)) > judge.score(probabilities)
        return fitted if better else cuts

    def apply(self, probabilities: SpaceProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        changed = dict(probabilities)
        for name, cuts in fitted.items():
            if cuts:
                changed[name] = _between(_expected(probabilities[name]), cuts)
        return changed


def _expected(probabilities: Tensor) -> Floats:
    """Return the expected grade (N,) in [0, K - 1]."""
    values = probabilities.double().numpy()
    return np.asarray(values @ np.arange(values.shape[1]) / values.sum(axis=1))


def _between(expected: Floats, cuts: list[float]) -> Tensor:
    """Return probabilities (N, K) around where each lies between its cuts, their likeliest its grade."""
    edges = np.array([-0.5, *cuts, len(cuts) + 0.5])
    grade = np.searchsorted(edges[1:-1], expected)
    low, high = edges[grade], edges[grade + 1]
    share = (expected - low) / np.where(high > low, high - low, 1)
    at = grade + _WIDTH * (share.clip(0, 1) - 0.5)
    return torch.from_numpy(-((at[:, None] - np.arange(len(cuts) + 1)) ** 2)).softmax(dim=1)

"""A bias for each class, searched exactly, one class at a time."""

import numpy as np
import torch
from torch import Tensor

from dataset.metrics.base import Floats, Metric
from dataset.metrics.evidence import Indices, OneOfEvidence
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.rank_steps import biases_of_ranks
from dataset.metrics.steps import answered, goodness, steps
from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import Fitted, SpaceProbabilities, Truth, logits_of, normalised

_SWEEPS = 4


@DECISIONS.register
class ClassBias(Decision):
    """Logits + a bias for each class, which makes the score of each label space best.

    For a score of what was chosen, such as macro-F1 or balanced accuracy, or of the right label's place among
    the likeliest, such as top-k accuracy.

    One bias at a time, among all values that make any difference, until none helps or four sweeps are
    done. Where the task decides by more than the likeliest label it is kept only if the task's own score
    gets better.
    """

    def serves(self, metric: Metric) -> bool:
        chosen = metric.additive and metric.needs != "probabilities" and not metric.together
        return chosen or metric.worths(1) is not None

    def changes(self, space: Space) -> bool:
        return space.kind == "one_of"

    def fit(self, probabilities: SpaceProbabilities, truth: Truth) -> Fitted:
        asked, task = self.served(truth.task), truth.task
        logits = logits_of(task, probabilities)
        biases = {space.name: [0.0] * len(space.labels) for space in self.spaces(task)}
        for space in self.spaces(task):
            targets = truth.targets[space.name]
            known = (targets > 0).any(dim=1)
            true, values = targets[known].argmax(dim=1).numpy(), logits[space.name][known].numpy()
            scores_space = asked is not None and space.name in asked.questions
            metric = asked.metric if asked is not None and scores_space else MacroF1()
            worths = metric.worths(len(space.labels))
            biases[space.name] = (
                best_biases(values, true, metric, space.labels)
                if worths is None
                else biases_of_ranks(values, true, worths)
            ).tolist()

        judge = self.judged(truth)
        if judge.score(self.apply(probabilities, biases, task)) > judge.score(probabilities):
            return biases
        return {space: [0.0] * len(values) for space, values in biases.items()}

    def apply(self, probabilities: SpaceProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        logits = logits_of(task, probabilities)
        biased = {s.name: normalised(s, logits[s.name] + _tensor(fitted[s.name])) for s in self.spaces(task)}
        return {**probabilities, **biased}


def _tensor(biases: list[float]) -> Tensor:
    return torch.tensor(biases, dtype=torch.float64)


def best_biases(
    logits: Floats, true: Indices, metric: Metric | None = None, labels: tuple[str, ...] = ()
) -> Floats:
    """Return biases (K,) of which no single one can be changed so that the score gets better.

    Or those after four sweeps. The first label of the highest logits + bias is chosen.

    Args:
        logits: (N, K).
        true: (N,) class indices.
        metric: an additive one; None: macro-F1, whose steps take no counts of each.
        labels: (K) in words, for the metric.
    """
    biases = np.zeros(logits.shape[1])
    if not len(true):
        return biases
    for _ in range(_SWEEPS):
        before = biases.copy()
        for label in range(len(biases)):
            if metric is None or type(metric) is MacroF1:
                biases[label] = best_bias(logits, true, biases, label)
            else:
                biases[label] = _best_bias_by(metric, labels, logits, true, biases, label)
        if (biases == before).all():
            break
    return biases


def best_bias(logits: Floats, true: Indices, biases: Floats, label: int) -> float:
    """Return the bias of one label that makes macro-F1 highest while those of the others stay.

    With the bias b from low to high, image i goes over to the label at
    b = m_i = max over the others of (logit + bias) - logit, so macro-F1 is a step function of b. All of its
    values follow from counts along the sorted m: O(N log N). It is the middle of the highest step; the
    present bias if that is on one as high, otherwise the lowest of equally high ones.
    """
    others = logits + biases
    others[:, label] = -np.inf
    rival = others.argmax(axis=1)
    needed = others[np.arange(len(true)), rival] - logits[:, label]

    order = np.argsort(needed, kind="stable")
    needed, rival, true = needed[order], rival[order], true[order]
    steps = _steps(rival, true, label, len(biases))

    # Images with equal m go over together.
    ends = np.concatenate([[True], needed[1:] != needed[:-1], [True]])
    edges = np.concatenate([[needed[0] - 2.0], needed, [needed[-1] + 2.0]])
    highest = steps[ends].max()
    best = np.flatnonzero(ends & (steps >= highest - 1e-12))

    now, until = (np.searchsorted(needed, biases[label], side=side) for side in ("left", "right"))
    if now == until and steps[now] >= highest - 1e-12:  # ``now`` have gone over and none is undecided
        return float(biases[label])
    return float((edges[best[0]] + edges[best[0] + 1]) / 2)


def _best_bias_by(
    metric: Metric, labels: tuple[str, ...], logits: Floats, true: Indices, biases: Floats, label: int
) -> float:
    """Return the bias of one label that makes a score best while those of the others stay."""
    others = logits + biases
    chosen = others.argmax(axis=1)
    others[:, label] = -np.inf
    rival = others.argmax(axis=1)
    needed = others[np.arange(len(true)), rival] - logits[:, label]

    evidence = OneOfEvidence(labels, true, lambda: chosen, lambda: logits)
    before, after = answered(evidence, rival), answered(evidence, np.full_like(rival, label))
    tried, good = steps(metric, before, after, needed, needed.min() - 2.0, needed.max() + 2.0)
    if good.max() > goodness(metric, evidence, chosen) + 1e-12:
        return float(tried[good.argmax()])
    return float(biases[label])


def _steps(rival: Indices, true: Indices, label: int, classes: int) -> Floats:
    """Return the sum of all F1 (N + 1) when the first 0, 1, ... N images have gone over to ``label``.

    Args:
        rival: (N) what is chosen instead.
        true: (N) what is right.
    """
    occurs = np.bincount(true, minlength=classes)
    gained = np.concatenate([[0], np.cumsum(true == label)])
    of_label = 2 * gained / np.maximum(1, occurs[label] + np.arange(len(true) + 1))

    # Of the others only the rival's F1 changes when an image leaves it: by image, in groups of one rival.
    group = np.argsort(rival, kind="stable")
    sizes = np.bincount(rival, minlength=classes)
    starts = np.cumsum(sizes) - sizes
    left = np.arange(len(true)) - starts[rival[group]] + 1  # images that have left the rival, this one too
    right = (true == rival)[group].astype(np.int64)
    lost = np.cumsum(right)
    lost -= (lost - right)[starts[rival[group]]]  # right ones among them
    rights = np.bincount(rival[true == rival], minlength=classes)
    rivals = rival[group]

    def f1(leaving: Indices, losing: Indices) -> Floats:
        chosen = occurs[rivals] + sizes[rivals] - leaving
        return np.asarray(2 * (rights[rivals] - losing) / np.maximum(1, chosen))

    change = np.empty(len(true))
    change[group] = f1(left, lost) - f1(left - 1, lost - right)
    first = (2 * rights / np.maximum(1, occurs + sizes)).sum()
    return np.asarray(of_label + first + np.concatenate([[0.0], np.cumsum(change)]))

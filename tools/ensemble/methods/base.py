"""Ensembles: one prediction out of what several runs have saved; no model is trained or run.

Shapes: M members, N images, K labels of a space. Members have the same images, in the same order, and the
same spaces.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from dataset.tasks.base import Judge, Logits, Targets, Task
from dataset.tasks.spaces import Space
from utils.registry import Registry

MemberProbabilities = Mapping[str, Tensor]  # probabilities, float64 (M, N, K) by space
SpaceProbabilities = dict[str, Tensor]  # float64 (N, K) by space
Fitted = Mapping[str, Any]  # what was fitted, as JSON says it


@dataclass(frozen=True)
class Truth:
    """What is right for N images, and whose they are."""

    task: Task  # decides and scores
    targets: Targets
    groups: tuple[str, ...]

    @cached_property
    def _judge(self) -> Judge:
        return self.task.judge(self.targets)

    def score(self, probabilities: Mapping[str, Tensor]) -> float:
        """Return how good these are, the higher the better: the score that decides the competition.

        Where less of it is better it is the score's negative, which nobody is to print.
        """
        return self.task.direction(self.task.main_scores[0]) * self._judge(probabilities)

    def at(self, rows: Tensor) -> "Truth":
        """Return the same for some of the images."""
        groups = tuple(self.groups[row] for row in rows.tolist())
        return Truth(self.task, {name: values[rows] for name, values in self.targets.items()}, groups)

    @cached_property
    def joined(self) -> "Truth":
        """The same with all questions as one, if the task can ask them so."""
        joined = self.task.joined
        return self if joined is None else Truth(joined, self.task.join(self.targets), self.groups)


class Method:
    """A way to make one prediction of several; a subclass is one file in this folder.

    Attributes:
        of_numbers: whether it makes sense of numbers too; otherwise only of probabilities.
    """

    of_numbers: ClassVar[bool] = False

    def fit(self, members: MemberProbabilities, truth: Truth) -> Fitted:
        """Return what ``combine`` needs beside the members; by default nothing."""
        return {}

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        """Return the ensemble's probabilities of any images, those of ``fit`` or others."""
        raise NotImplementedError


def has_numbers(task: Task) -> bool:
    """Return whether a label space of a task is a number, of which there are no probabilities."""
    return any(space.numeric for space in task.spaces)


ENSEMBLES: Registry[Method] = Registry("ensemble", "tools.ensemble.methods")


class Alone(Method):
    """A single member, to be judged as an ensemble is."""

    def __init__(self, number: int) -> None:
        self.number = number

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        return one_of(members, self.number)


def one_of(members: MemberProbabilities, number: int) -> SpaceProbabilities:
    """Return what one member says."""
    return {space: stacked[number] for space, stacked in members.items()}


def count_of(members: MemberProbabilities) -> int:
    """Return M."""
    return len(next(iter(members.values())))


def weighted(members: MemberProbabilities, weights: Tensor) -> SpaceProbabilities:
    """Return the mean of the members' probabilities with ``weights`` (M,) that add up to 1."""
    return {space: torch.tensordot(weights.double(), stacked, dims=1) for space, stacked in members.items()}


def best_weights(candidates: Iterable[Tensor], members: MemberProbabilities, truth: Truth) -> Tensor:
    """Return the weights (M,) whose mean scores best; of equal ones the first."""
    tried = list(candidates)
    scores = [truth.score(weighted(members, weights)) for weights in tried]
    return tried[scores.index(max(scores))]


def rows_of(members: MemberProbabilities, rows: Tensor) -> MemberProbabilities:
    """Return what the members say of some of the images."""
    return {space: stacked[:, rows] for space, stacked in members.items()}


def each(
    members: MemberProbabilities, change: Callable[[SpaceProbabilities], SpaceProbabilities]
) -> MemberProbabilities:
    """Return the members with the probabilities of each one changed."""
    changed = [change(one_of(members, number)) for number in range(count_of(members))]
    return {space: torch.stack([member[space] for member in changed]) for space in changed[0]}


def logits_of(task: Task, probabilities: Mapping[str, Tensor]) -> Logits:
    """Return logits (N, K) by space."""
    return {space.name: space.logits(probabilities[space.name]) for space in task.spaces}


def normalised(space: Space, logits: Tensor) -> Tensor:
    """Return the probabilities of logits (N, K) as exactly as these are, where a space's are float32."""
    return logits.softmax(dim=1) if space.kind == "one_of" else logits.sigmoid()

"""Labels that may be wrong, worst first: of a person where a label is the person's, of an image elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.readers.base import BaseDataset
from dataset.tasks.base import Targets, Task
from tools.review.confident import (
    NO_LABEL,
    LabelIndices,
    LabelProbabilities,
    Rule,
    margins,
    pooled,
    worst_first,
)

Positions = NDArray[np.int64]  # positions among those that were validated


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged at once: M things, each with one of K labels.

    Args:
        question: of the task, such as ``gender``.
        label: the index of the label that is asked for, where an image has any number of them; else None.
        names: (K) what may be answered.
        given: (M) the organiser's answers.
        probabilities: (M, K) the model's.
        images: (M) the images that each is about.
    """

    question: str
    label: int | None
    names: tuple[str, ...]
    given: LabelIndices
    probabilities: LabelProbabilities
    images: Sequence[Positions]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One label that may be wrong."""

    images: Positions
    given: int
    suggested: int
    probabilities: tuple[float, ...]  # (K)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A doubt, or two of one group that have each other's label; a margin of -1 is the worst."""

    judged: Judged
    doubts: tuple[Doubt, ...]
    margin: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which of the labels that are judged at once are doubted."""

    judged: Judged
    suspects: tuple[Suspect, ...]


def wrong_shares(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Return by question the share of what is judged in [0, 1] of which the likeliest answer is not given.

    Where any number of labels is right, what neither is given nor answered is not counted: nearly all would
    be right by that.
    """
    wrong: dict[str, int] = {}
    counted: dict[str, int] = {}
    for verdict in verdicts:
        judged, question = verdict.judged, verdict.judged.question
        likeliest = judged.probabilities.argmax(axis=1)
        either = np.ones(len(likeliest), dtype=np.bool_) if judged.label is None else likeliest | judged.given
        counts = int((either > 0).sum())
        wrong[question] = wrong.get(question, 0) + int((likeliest != judged.given).sum())
        counted[question] = counted.get(question, 0) + counts
    return {question: count / max(1, counted[question]) for question, count in wrong.items()}


@dataclass(frozen=True, slots=True)
class Validation:
    """What is known of N images that were validated.

    Args:
        rows: (N) of the dataset.
        groups: (N) whose image it is.
        probabilities: (N, K) by question, as ``task.asked`` returns them.
    """

    task: Task
    dataset: BaseDataset
    rows: NDArray[np.int64]
    groups: Sequence[str]
    targets: Targets
    probabilities: Mapping[str, Tensor]

    def judged(self, *, by_group: bool) -> Iterator[Judged]:
        """Yield what can be judged; ``by_group``: a label that a group's images have in common only once."""
        kinds = {space.name: space.kind for space in self.task.spaces}
        for question, tensor in self.probabilities.items():
            probabilities = np.asarray(tensor.double().numpy())
            if kinds.get(question) == "any_of":
                yield from self._each_label(question, probabilities)
            else:
                yield self._one_label(question, probabilities, by_group=by_group)

    def _one_label(self, question: str, probabilities: LabelProbabilities, *, by_group: bool) -> Judged:
        given = self.task.answers(self.targets)[question]
        known = np.flatnonzero(given >= 0)
        given, probabilities, labels = given[known], probabilities[known], self.task.questions[question]
        if not (by_group and len(known) and self._is_of_group(question, int(known[0]), int(given[0]))):
            return Judged(question, None, labels, given, probabilities, list(known[:, None]))

        # All images of a group have its label: they are judged together, by the first one's.
        names, group = np.unique(np.asarray(self.groups)[known], return_inverse=True)
        order = np.argsort(group, kind="stable")
        first = np.searchsorted(group[order], np.arange(len(names)))
        images = np.split(known[order], first[1:])
        together = pooled(probabilities, group, len(names))
        return Judged(question, None, labels, given[order[first]], together, images)

    def _each_label(self, question: str, probabilities: LabelProbabilities) -> Iterator[Judged]:
        images = list(np.arange(len(self.rows))[:, None])
        for label, has in enumerate(self.task.space_of(question).marks(self.targets[question]).T):
            name, present = self.task.questions[question][label], probabilities[:, label]
            both = np.stack([1 - present, present], axis=1)
            yield Judged(question, label, (f"not {name}", name), has.astype(np.int64), both, images)

    def _is_of_group(self, question: str, image: int, given: int) -> bool:
        """Return whether a question's label is made of facts that a group's images have in common."""
        facts = self.dataset.facts_of(int(self.rows[image]))
        changed = self.task.corrected(facts, question, 0 if given else 1) if facts else None
        names = [name for name, value in (changed or {}).items() if facts.get(name) != value]
        return bool(names) and all(self.dataset.of_group(name) for name in names)


def suspected(judged: Judged, groups: Sequence[str], rule: Rule) -> Verdict:
    """Return what is suspected; two images of one group with each other's label are one suspect."""
    suggested = rule(judged.given, judged.probabilities)
    margin = margins(judged.given, judged.probabilities)
    group = [groups[images[0]] for images in judged.images]
    same_group: dict[str, list[int]] = {}
    if judged.label is None:
        for index, name in enumerate(group):
            same_group.setdefault(name, []).append(index)

    suspects: list[Suspect] = []
    done: set[int] = set()
    for index in worst_first(suggested, margin).tolist():
        if index in done:
            continue
        pairs = [(index, int(suggested[index]))]
        candidates = [other for other in same_group.get(group[index], []) if other not in done]
        other = _swapped(judged, suggested, index, candidates)
        if other is not None:
            pairs.append((other, int(judged.given[index])))
        done |= {number for number, _ in pairs}
        doubts = tuple(_doubt(judged, number, label) for number, label in pairs)
        suspects.append(Suspect(judged, doubts, float(margin[index])))
    return Verdict(judged, tuple(suspects))


def _doubt(judged: Judged, index: int, suggested: int) -> Doubt:
    probabilities = tuple(judged.probabilities[index].tolist())
    return Doubt(judged.images[index], int(judged.given[index]), suggested, probabilities)


def _swapped(judged: Judged, suggested: LabelIndices, index: int, candidates: Sequence[int]) -> int | None:
    """Return the image of the same group with which this one has most likely changed labels, if any.

    It has the label that is suggested here, and both are likelier the other way round than as they are given.
    """
    label, given = int(suggested[index]), int(judged.given[index])
    logs = np.log(np.maximum(judged.probabilities, 1e-6))
    best, best_gain = None, 0.0
    for other in candidates:
        if other == index or judged.given[other] != label:
            continue
        if suggested[other] not in (given, NO_LABEL) or judged.probabilities[other].argmax() != given:
            continue
        gain = logs[other, given] - logs[other, label] + logs[index, label] - logs[index, given]
        if gain > best_gain:
            best, best_gain = other, gain
    return best

"""Labels that may be wrong, worst first: of a person where a label is the person's, of an image elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.readers.base import BaseDataset
from dataset.tasks.base import Targets, Task
from tools.review.confident import Confident, Probabilities, pooled
from utils.metrics import Counts

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Question:
    """What is judged at once: M things, each with one of K labels.

    Args:
        view: of the task, such as ``gender``.
        label: the index of the label that is asked for, where an image has any number of them; else None.
        names: (K) what may be answered.
        given: (M) the organiser's answers.
        probabilities: (M, K) the model's.
        images: (M) the images that each is about, as places among those that were validated.
    """

    view: str
    label: int | None
    names: tuple[str, ...]
    given: Rows
    probabilities: Probabilities
    images: Sequence[Rows]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One label that may be wrong."""

    images: Rows
    given: int
    suggested: int
    probabilities: tuple[float, ...]  # (K)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A doubt, or two of one group that have each other's label; a margin of -1 is the worst."""

    question: Question
    doubts: tuple[Doubt, ...]
    margin: float


@dataclass(frozen=True, slots=True)
class Answer:
    """How many of a question's labels are doubted."""

    question: Question
    joint: Counts
    suspects: tuple[Suspect, ...]


def wrong_shares(answers: Sequence[Answer]) -> dict[str, float]:
    """Return by view the share of what is judged in [0, 1] of which the likeliest answer is not given.

    Where any number of labels is right, what neither is given nor answered is not counted: nearly all would
    be right by that.
    """
    wrong: dict[str, int] = {}
    judged: dict[str, int] = {}
    for one in answers:
        question = one.question
        said = question.probabilities.argmax(axis=1)
        counted = (
            np.ones(len(said), dtype=np.bool_) if question.label is None else (said | question.given) > 0
        )
        wrong[question.view] = wrong.get(question.view, 0) + int((said != question.given).sum())
        judged[question.view] = judged.get(question.view, 0) + int(counted.sum())
    return {view: count / max(1, judged[view]) for view, count in wrong.items()}


@dataclass(frozen=True, slots=True)
class Validation:
    """What is known of N images that were validated.

    Args:
        rows: (N) of the dataset.
        groups: (N) whose image it is.
        probabilities: (N, K) by view, as ``task.asked`` returns them.
    """

    task: Task
    dataset: BaseDataset
    rows: Rows
    groups: Sequence[str]
    targets: Targets
    probabilities: Mapping[str, Tensor]

    def questions(self, *, by_group: bool) -> Iterator[Question]:
        """Yield what can be asked; ``by_group``: a label that a group's images have in common only once."""
        kinds = {space.name: space.kind for space in self.task.spaces}
        for view, tensor in self.probabilities.items():
            probabilities = np.asarray(tensor.double().numpy())
            if kinds.get(view) == "any_of":
                yield from self._of_each_label(view, probabilities)
                continue
            given = self.task.answers(self.targets)[view]
            known = np.flatnonzero(given >= 0)
            given, probabilities, labels = given[known], probabilities[known], self.task.questions[view]
            if by_group and len(known) and self._is_of_group(view, int(known[0]), int(given[0])):
                names, group = np.unique(np.asarray(self.groups)[known], return_inverse=True)
                order = np.argsort(group, kind="stable")
                first = np.searchsorted(group[order], np.arange(len(names)))
                images = np.split(known[order], first[1:])
                given, probabilities = given[order[first]], pooled(probabilities, group, len(names))
            else:
                images = list(known[:, None])
            yield Question(view, None, labels, given, probabilities, images)

    def _of_each_label(self, view: str, probabilities: Probabilities) -> Iterator[Question]:
        images = list(np.arange(len(self.rows))[:, None])
        for label, has in enumerate(self.task.members(self.targets).T):
            name, of = self.task.questions[view][label], probabilities[:, label]
            both = np.stack([1 - of, of], axis=1)
            yield Question(view, label, (f"not {name}", name), has.astype(np.int64), both, images)

    def _is_of_group(self, view: str, image: int, given: int) -> bool:
        """Return whether a view's label is made of facts that a group's images have in common."""
        facts = self.dataset.facts_of(int(self.rows[image]))
        changed = self.task.corrected(facts, view, 0 if given else 1) if facts else None
        names = [name for name, value in (changed or {}).items() if facts.get(name) != value]
        return bool(names) and all(self.dataset.of_group(name) for name in names)


def answer(question: Question, groups: Sequence[str]) -> Answer:
    """Return what is suspected; two images of one group with each other's label are one suspect."""
    found = Confident.of(question.given, question.probabilities)
    order = found.suspects(question.given).tolist()
    group = [groups[images[0]] for images in question.images]
    of_group: dict[str, list[int]] = {}
    if question.label is None:
        for place, name in enumerate(group):
            of_group.setdefault(name, []).append(place)
    suspects: list[Suspect] = []
    used: set[int] = set()
    for place in order:
        if place in used:
            continue
        label = int(found.label[place])
        other = _swapped(question, found, place, of_group.get(group[place], []), used)
        places = [(place, label)] if other is None else [(place, label), (other, int(question.given[place]))]
        used |= {place for place, _ in places}
        doubts = tuple(
            Doubt(question.images[i], int(question.given[i]), to, tuple(question.probabilities[i].tolist()))
            for i, to in places
        )
        suspects.append(Suspect(question, doubts, float(found.margin[place])))
    return Answer(question, found.joint, tuple(suspects))


def _swapped(
    question: Question, found: Confident, place: int, same_group: Sequence[int], used: set[int]
) -> int | None:
    """Return the image of the same group with which this one has most likely changed labels, if any.

    It has the label that is suggested here, and both are likelier the other way round than as they are given.
    """
    suggested, given = int(found.label[place]), int(question.given[place])
    logs = np.log(np.maximum(question.probabilities, 1e-6))
    best, gain_of_best = None, 0.0
    for other in same_group:
        if question.given[other] != suggested or other in used or other == place:
            continue
        if found.label[other] not in (given, -1) or question.probabilities[other].argmax() != given:
            continue
        gain = logs[other, given] - logs[other, suggested] + logs[place, suggested] - logs[place, given]
        if gain > gain_of_best:
            best, gain_of_best = other, gain
    return best

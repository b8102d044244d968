"""A task: the label spaces of a competition, how its labels are read, scored and submitted.

Shapes: N images, K labels of a space. *targets* are float (N, K) per space, *choices* bool (N, K).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.answers import Answers, marked_index, one_hot
from dataset.tasks.confusion import Confusion
from dataset.tasks.moves import Move
from dataset.tasks.scorers import Scorer as Scorer
from dataset.tasks.scorers import one_of_scorer
from dataset.tasks.spaces import Mark, Space
from utils.metrics import Weights, confusion_matrix
from utils.registry import Registry
from utils.shortened import listing

Logits = dict[str, Tensor]
Targets = dict[str, Tensor]
Choices = dict[str, Tensor]
Marked = dict[str, Mark]  # label indices, or their shares, by space; () = not labelled
Facts = Mapping[str, str]  # what the organiser says of one image, as text
Tuning = Mapping[str, Sequence[float]]  # what a task found on the validation images, by name
Judge = Callable[[Mapping[str, Tensor]], float]  # from probabilities (N, K) by space to one score
LABELS = "labels"  # the fact with the names of an image's labels, as a reader found them: one a line


class Task:
    """An ordered set of label spaces and what the organiser does with them.

    A competition is a subclass with its spaces, ``encode`` and ``rows``; one that asks something about
    several spaces together (18 classes out of three answers) adds it in ``views`` and ``answers``.

    Runtime arguments that a constructor may name: ``root``, the data folder, and two functions that read
    the training table: ``labels_found`` returns the names of its labels, ``rows_found`` the place and the
    facts of each row (ConfigError: it has no such list, or no rows).
    """

    main_scores: tuple[str, ...] = ("macro_f1", "accuracy")  # of each view; the first one decides
    at_inference: tuple[str, ...] = ()  # options that --set may change when a trained run predicts
    changed_by: tuple[Move, ...] = ()  # moves of an image that may change its labels
    needs: tuple[str, ...] = ()  # the facts that ``encode`` reads: every image must have them
    instead: str = ""  # what to write where a data set has not, in words
    numbers: ClassVar[Mapping[str, tuple[int, int]]] = {}  # facts that are whole numbers: from and to

    def __init__(self, spaces: Sequence[Space]) -> None:
        self.spaces = tuple(spaces)

    @property
    def heads(self) -> dict[str, int]:
        """The number of labels K of each space: what a model needs to know of a task."""
        return {space.name: len(space.labels) for space in self.spaces}

    @property
    def views(self) -> dict[str, tuple[str, ...]]:
        """The questions that are scored, with their labels; the last one decides the competition."""
        return {space.name: space.labels for space in self.spaces}

    def encode(self, facts: Facts) -> Marked:
        """Return the organiser's labels of one image: what validation is scored on.

        Raises:
            ValueError: a fact is not what the competition allows; the message names it.
        """
        raise NotImplementedError

    def encode_for_training(self, facts: Facts) -> Marked | None:
        """Return the labels to train on, or None to leave the image out of training."""
        return self.encode(facts)

    def corrected(self, facts: Facts, view: str, label: int, *, present: bool = True) -> Facts | None:
        """Return the facts, changed as little as possible, of which ``encode`` makes another label.

        Args:
            view: one of those that ``asked`` returns.
            label: its index there.
            present: False, where an image has any number of labels: the label is not one of them.

        Returns:
            None: this task can't say.
        """
        return None

    def targets(self, marked: Sequence[Marked]) -> Targets:
        """Return the targets of N images."""
        return {space.name: space.targets([m[space.name] for m in marked]) for space in self.spaces}

    @property
    def joined(self) -> "Task | None":
        """This task with what its deciding view asks as its only space; None where that is no space."""
        return self if len(self.spaces) == 1 else None

    def join(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return targets or probabilities (N, K) by space as ``joined`` has them."""
        return dict(marked)

    @property
    def parted(self) -> "Task":
        """This task with a space for each single question that is scored."""
        return self

    def part(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return targets or probabilities (N, K) by space as ``parted`` has them."""
        return dict(marked)

    def probabilities(self, logits: Logits) -> dict[str, Tensor]:
        """Return the probability of each label, float32 (N, K) per space."""
        return {space.name: space.probabilities(logits[space.name]) for space in self.spaces}

    def asked(self, probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the probabilities (N, K) of each view whose labels can be wrong by themselves."""
        return dict(probabilities)

    def decide(self, logits: Logits) -> Choices:
        """Return the chosen labels of each image."""
        return {space.name: space.decide(logits[space.name]) for space in self.spaces}

    def answers(self, marked: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
        """Return label indices (N,) of each view from targets or choices; -1 = not labelled."""
        return {space.name: marked_index(marked[space.name]) for space in self.spaces}

    def members(self, marked: Mapping[str, Tensor]) -> NDArray[np.bool_]:
        """Return which labels of the deciding view each image has (N, K), from targets or choices."""
        deciding, labels = list(self.views.items())[-1]
        return np.asarray(self.answers(marked)[deciding][:, None] == np.arange(len(labels)))

    def captions(self, marked: Mapping[str, Tensor]) -> list[str]:
        """Return each image's labels of the deciding view in words, from targets or choices."""
        labels = list(self.views.values())[-1]
        without = self.spaces[-1].without
        return [", ".join(labels[i] for i in np.flatnonzero(row)) or without for row in self.members(marked)]

    def faults(self, choices: Choices, targets: Targets) -> list[str]:
        """Return what is wrong with each image's answer, in a few lines of words."""
        pairs = zip(self.captions(targets), self.captions(choices), strict=True)
        return [f"{true}\npredicted {said}" for true, said in pairs]

    def mistakes(self, logits: Logits, targets: Targets) -> NDArray[np.int64]:
        """Return the rows with a wrong answer; those whose targets got the least probability come first."""
        surprise = sum(space.surprise(logits[space.name], targets[space.name]) for space in self.spaces)
        ranked = np.asarray(torch.as_tensor(surprise).argsort(descending=True).numpy(), dtype=np.int64)
        return np.asarray(ranked[self.wrong(self.decide(logits), targets)[ranked]])

    def wrong(self, choices: Choices, targets: Targets) -> NDArray[np.bool_]:
        """Return which of the labelled images (N) got a wrong answer."""
        differs = (self.members(targets) != self.members(choices)).any(axis=1)
        return np.asarray(differs & self.scored(targets))

    def scored(self, targets: Targets) -> NDArray[np.bool_]:
        """Return which images (N) are labelled in the deciding view."""
        return np.asarray(self.members(targets).any(axis=1))

    def confusions(self, choices: Choices, targets: Targets) -> dict[str, Confusion]:
        """Return a confusion matrix for each view, over the images that are labelled in it."""
        chosen, true = self.answers(choices), self.answers(targets)
        found = {}
        for view, labels in self.views.items():
            counts = confusion_matrix(true[view], chosen[view], len(labels))
            found[view] = Confusion(labels, counts, counts.sum(axis=1))
        return found

    def scores(self, logits: Logits, targets: Targets) -> dict[str, float]:
        """Return all scores in [0, 1], higher is better.

        Each of ``main_scores`` is the competition's, as of the deciding view; ``<view>/<score>`` and
        ``<view>/f1/<label>`` are each question's. Another score is added in ``scorer``.
        """
        images = len(next(iter(targets.values())))
        return self.scorer(logits, targets)(np.ones(images, dtype=np.int64))

    def scorer(self, logits: Logits, targets: Targets) -> Scorer:
        """Return what gives these scores where an image counts several times, or not at all.

        Everything that does not depend on that is done before it returns: a bootstrap asks a thousand
        times.
        """
        of_views, deciding = self.view_scorers(logits, targets), list(self.views)[-1]

        def scores(weights: Weights) -> dict[str, float]:
            found = {
                f"{view}/{name}": value
                for view, scorer in of_views.items()
                for name, value in scorer(weights).items()
            }
            return {name: found[f"{deciding}/{name}"] for name in self.main_scores} | found

        return scores

    def view_scorers(self, logits: Logits, targets: Targets) -> dict[str, Scorer]:
        """Return what gives each view's scores: the ``main_scores`` and ``f1/<label>``."""
        chosen, true = self.answers(self.decide(logits)), self.answers(targets)
        return {view: one_of_scorer(true[view], chosen[view], names) for view, names in self.views.items()}

    def main_scorer(self, logits: Logits, targets: Targets) -> Scorer:
        """Return what gives the ``main_scores``, maybe others too: ``scorer``, or a quicker one."""
        return self.scorer(logits, targets)

    def judge(self, targets: Targets) -> Judge:
        """Return what gives the first main score of any probabilities, for a search that asks often.

        Everything about the targets is done before it returns.
        """
        once = np.ones(len(next(iter(targets.values()))), dtype=np.int64)

        def score(probabilities: Mapping[str, Tensor]) -> float:
            logits = {space.name: space.logits(probabilities[space.name]) for space in self.spaces}
            return self.main_scorer(logits, targets)(once)[self.main_scores[0]]

        return score

    @property
    def score_names(self) -> tuple[str, ...]:
        """The names of all scores: what ``[train] monitor`` may be, besides ``loss``."""
        nothing = {space.name: space.targets([]) for space in self.spaces}
        return tuple(self.scores(nothing, nothing))

    def unscored(self, targets: Targets) -> list[str]:
        """Return the labels of the deciding view that no image has: nothing can be said about them."""
        missing = np.flatnonzero(~self.members(targets).any(axis=0))
        return [list(self.views.values())[-1][index] for index in missing]

    def tune(self, logits: Logits, targets: Targets) -> Tuning:
        """Return what inference needs beside the weights, found on validation images; as a rule nothing."""
        return {}

    def tuned(self, tuning: Tuning) -> "Task":
        """Return this task as it decides with what ``tune`` returned.

        Raises:
            ValueError: ``tuning`` is not what this task needs.
        """
        return self

    @property
    def resolved(self) -> dict[str, str]:
        """The options whose values were found in the data, as a config says them."""
        return {}

    def in_spelling(self, template: Mapping[str, str]) -> "Task":
        """Return this task with labels as the organiser spells them, for what is submitted only.

        Args:
            template: the spelling of labels in his template, which counts more than that of his table.
        """
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The submission's columns after the id, for an organiser who gives no template."""
        return tuple(self.allowed)

    def answering(self, column: str) -> "Task | None":
        """Return this task with its one answer in another column; None: its columns are not to be chosen."""
        return None

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The values that each of the submission's columns may have; a column not named may have any."""
        return {}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        """Return the submission's columns for each image, without the id."""
        raise NotImplementedError

    def submission(self, logits: Logits) -> list[dict[str, str]]:
        """Return the same from the logits, for a competition that asks for more than choices."""
        return self.rows(self.decide(logits))

    def submitted(self, rows: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        """Return what a submission's rows say, by question: as a rule one for each of ``allowed``.

        A value that can't be meant says nothing: ``wrong_value`` finds it.
        """
        classes = list(self.views.values())[-1]
        found = {}
        for column, values in self.allowed.items():
            coded = values == tuple(map(str, range(len(classes))))  # classes by number: name them as well
            words = map(" ".join, zip(values, classes, strict=True)) if coded else values
            named = tuple(word or "(nothing)" for word in words)
            found[column] = Answers(named, one_hot([row[column] for row in rows], values))
        return found

    def wrong_value(self, column: str, value: str) -> str | None:
        """Return what is wrong with a value of one of the submission's columns, or None."""
        values = self.allowed.get(column, (value,))
        return None if value in values else f"is not one of {listing(values)}"


TASKS: Registry[Task] = Registry("task", "dataset.tasks", runtime=("root", "labels_found", "rows_found"))

"""A task: the label spaces of a competition, how its labels are read, decided and asked.

Shapes: N images, K labels of a space. *targets* are float (N, K) per space, *choices* bool (N, K).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.joining import Joining
from dataset.tasks.moves import Move

# ``as`` the same: others import them from here.
from dataset.tasks.questions import LABELS as LABELS
from dataset.tasks.questions import Choices as Choices
from dataset.tasks.questions import EvidenceLabels as EvidenceLabels
from dataset.tasks.questions import Facts as Facts
from dataset.tasks.questions import Judge as Judge
from dataset.tasks.questions import Logits as Logits
from dataset.tasks.questions import Marked as Marked
from dataset.tasks.questions import Targets as Targets
from dataset.tasks.questions import Tuning as Tuning
from dataset.tasks.relabelling import Relabelling
from dataset.tasks.scorers import Scorer as Scorer
from dataset.tasks.scoring import Scoring
from dataset.tasks.showing import Showing
from dataset.tasks.spaces import OneOf, Space
from dataset.tasks.submitting import Submitting
from utils.registry import Registry


class Task(Scoring, Showing, Joining, Relabelling, Submitting):
    """An ordered set of label spaces and what the organiser does with them.

    A competition is a subclass with its spaces, ``encode`` and ``rows``; one that asks something about
    several spaces together (18 classes out of three answers) adds it in ``questions``, ``answers`` and
    ``sure``. What scores, pictures, ensembles, reviews and submissions ask is in the classes above, which
    have an answer for every task, or say that it can't.

    Runtime arguments that a constructor may name: ``root``, the data folder, and two functions that read
    the training table: ``labels_found`` returns the names of its labels, ``rows_found`` the line and the
    facts of each row (ConfigError: it has no such list, or no rows).
    """

    at_inference: tuple[str, ...] = ()  # options that --set may change when a trained run predicts
    changed_by: tuple[Move, ...] = ()  # moves of an image that may change its labels
    needs: tuple[str, ...] = ()  # the facts that ``encode`` reads: every image must have them
    instead: str = ""  # what to write where a data set has not, in words
    labels_have_names: bool = True  # so that readers may ask whether two of them look alike

    def __init__(self, spaces: Sequence[Space]) -> None:
        self.spaces = tuple(spaces)

    @property
    def heads(self) -> dict[str, int]:
        """The number of labels K of each space: what a model needs to know of a task."""
        return {space.name: len(space.labels) for space in self.spaces}

    @property
    def questions(self) -> dict[str, tuple[str, ...]]:
        """What is scored, with the labels of each question; the last one decides the competition."""
        return {space.name: space.labels for space in self.spaces}

    @property
    def main_questions(self) -> tuple[str, ...]:
        """The questions over which the competition's scores are the mean."""
        return (list(self.questions)[-1],)

    def space_of(self, question: str) -> Space:
        """Return the space that a question is asked in, also where no head has it."""
        spaces = {space.name: space for space in self.spaces}
        return spaces.get(question) or OneOf(question, self.questions[question])

    def encode(self, facts: Facts) -> Marked:
        """Return the organiser's labels of one image: what validation is scored on.

        Raises:
            ValueError: a fact is not what the competition allows; the message names it.
        """
        raise NotImplementedError

    def encode_for_training(self, facts: Facts) -> Marked | None:
        """Return the labels to train on, or None to leave the image out of training."""
        return self.encode(facts)

    def targets(self, marked: Sequence[Marked]) -> Targets:
        """Return the targets of N images."""
        return {space.name: space.targets([m[space.name] for m in marked]) for space in self.spaces}

    def probabilities(self, logits: Logits) -> dict[str, Tensor]:
        """Return the probability of each label, float32 (N, K) per space."""
        return {space.name: space.probabilities(logits[space.name]) for space in self.spaces}

    def sure(self, probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the probability of each label (N, K) by question, from those by space."""
        return dict(probabilities)

    def decide(self, logits: Logits) -> Choices:
        """Return the chosen labels of each image; of a number, the number itself."""
        return {space.name: space.decide(logits[space.name]) for space in self.spaces}

    def answers(self, marked: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
        """Return label indices (N,) of each question from targets or choices; -1 = not labelled."""
        return {space.name: space.index(marked[space.name]) for space in self.spaces}

    def as_evidence(self, marked: Mapping[str, Tensor]) -> EvidenceLabels:
        """Return what targets or choices say, by question, in the form of its space's evidence."""
        others = {space.name: space.as_evidence(marked[space.name]) for space in self.spaces}
        return {question: others.get(question, choices) for question, choices in self.answers(marked).items()}

    def marks(self, marked: Mapping[str, Tensor]) -> NDArray[np.bool_]:
        """Return which labels of the deciding question each image has (N, K), from targets or choices."""
        deciding, labels = list(self.questions.items())[-1]
        return np.asarray(self.answers(marked)[deciding][:, None] == np.arange(len(labels)))

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
    def joined(self) -> "Task | None":
        """This task with what its deciding question asks as its only space; None: that is no space."""
        return self if len(self.spaces) == 1 else None

    @property
    def parted(self) -> "Task":
        """This task with a space for each single question that is scored."""
        return self

    def in_spelling(self, template: Mapping[str, str]) -> "Task":
        """Return this task with labels as the organiser spells them, for what is submitted only.

        Args:
            template: the spelling of labels in his template, which counts more than that of his table.
        """
        return self

    def answering(self, column: str) -> "Task | None":
        """Return this task with its one answer in another column; None: its columns are not to be chosen."""
        return None

    @property
    def resolved(self) -> dict[str, str]:
        """The options whose values were found in the data, as a config says them."""
        return {}


TASKS: Registry[Task] = Registry("task", "dataset.tasks", runtime=("root", "labels_found", "rows_found"))

"""A task: the label spaces of a competition, how its labels are read, scored and submitted.

Shapes: N images, K labels of a space. *targets* are float (N, K) per space, *choices* bool (N, K).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.spaces import Space
from utils.metrics import Counts, accuracy, confusion_matrix, f1_scores
from utils.registry import Registry

Logits = dict[str, Tensor]
Targets = dict[str, Tensor]
Choices = dict[str, Tensor]
Marked = dict[str, tuple[int, ...]]  # label indices by space; () = not labelled
Facts = Mapping[str, str]  # what the organiser says of one image, as text


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts (K, K), row = true label, column = chosen label."""

    labels: tuple[str, ...]
    counts: Counts


class Task:
    """An ordered set of label spaces and what the organiser does with them.

    A competition is a subclass with its spaces, ``encode`` and ``rows``; one that asks something about
    several spaces together (18 classes out of three answers) adds it in ``views`` and ``answers``.
    """

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

    def targets(self, marked: Sequence[Marked]) -> Targets:
        """Return the targets of N images."""
        return {space.name: space.targets([m[space.name] for m in marked]) for space in self.spaces}

    def probabilities(self, logits: Logits) -> dict[str, Tensor]:
        """Return the probability of each label, float32 (N, K) per space."""
        return {space.name: space.probabilities(logits[space.name]) for space in self.spaces}

    def decide(self, logits: Logits) -> Choices:
        """Return the chosen labels of each image."""
        return {space.name: space.decide(logits[space.name]) for space in self.spaces}

    def answers(self, marked: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
        """Return label indices (N,) of each view from targets or choices; -1 = not labelled."""
        return {space.name: _index(marked[space.name]) for space in self.spaces}

    def confusions(self, choices: Choices, targets: Targets) -> dict[str, Confusion]:
        """Return a confusion matrix for each view, over the images that are labelled in it."""
        chosen, true = self.answers(choices), self.answers(targets)
        return {
            view: Confusion(labels, confusion_matrix(true[view], chosen[view], len(labels)))
            for view, labels in self.views.items()
        }

    def scores(self, choices: Choices, targets: Targets) -> dict[str, float]:
        """Return all scores in [0, 1], higher is better.

        ``macro_f1`` and ``accuracy`` are the competition's; ``<view>/macro_f1``, ``<view>/accuracy``
        and ``<view>/f1/<label>`` are each question's.
        """
        scores: dict[str, float] = {}
        for view, confusion in self.confusions(choices, targets).items():
            f1 = f1_scores(confusion.counts)
            scores[f"{view}/macro_f1"] = float(f1.mean())
            scores[f"{view}/accuracy"] = accuracy(confusion.counts)
            scores |= {
                f"{view}/f1/{label}": float(value) for label, value in zip(confusion.labels, f1, strict=True)
            }
        deciding = list(self.views)[-1]
        return {name: scores[f"{deciding}/{name}"] for name in ("macro_f1", "accuracy")} | scores

    @property
    def score_names(self) -> tuple[str, ...]:
        """The names of all scores: what ``[train] monitor`` may be, besides ``loss``."""
        nothing = {space.name: space.targets([]) for space in self.spaces}
        return tuple(self.scores(nothing, nothing))

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The values that each of the submission's columns may have; a column not named may have any."""
        return {}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        """Return the submission's columns for each image, without the id."""
        raise NotImplementedError


def _index(marked: Tensor) -> NDArray[np.int64]:
    index = marked.float().argmax(dim=1)
    index[~(marked > 0).any(dim=1)] = -1
    return np.asarray(index.cpu().numpy(), dtype=np.int64)


TASKS: Registry[Task] = Registry("task", "dataset.tasks")

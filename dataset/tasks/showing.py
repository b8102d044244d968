"""Answers in words and pictures: what is right and wrong about each image."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.confusion import Confusion
from dataset.tasks.questions import Choices, Logits, Questions, Targets
from utils.metrics import confusion_matrix


class Showing(Questions):
    """A task whose deciding question says whether an image is right."""

    def captions(self, marked: Mapping[str, Tensor]) -> list[str]:
        """Return each image's labels of the deciding question in words, from targets or choices."""
        question, labels = list(self.questions.items())[-1]
        if self.space_of(question).numeric:
            return self.space_of(question).words(marked[question])
        without = self.spaces[-1].without
        return [", ".join(labels[i] for i in np.flatnonzero(row)) or without for row in self.marks(marked)]

    def faults(self, choices: Choices, targets: Targets) -> list[str]:
        """Return what is wrong with each image's answer, in a few lines of words."""
        pairs = zip(self.captions(targets), self.captions(choices), strict=True)
        return [f"{true}\npredicted {chosen}" for true, chosen in pairs]

    def mistakes(self, logits: Logits, targets: Targets) -> NDArray[np.int64]:
        """Return the rows with a wrong answer; those whose targets got the least probability come first."""
        surprise = self.surprise(logits, targets)
        ranked = np.asarray(surprise.argsort(descending=True).numpy(), dtype=np.int64)
        return np.asarray(ranked[self.wrong(self.decide(logits), targets)[ranked]])

    def surprise(self, logits: Logits, targets: Targets) -> Tensor:
        """Return how little each image's targets were expected (N): -log of their probability, in nats."""
        return torch.as_tensor(
            sum(space.surprise(logits[space.name], targets[space.name]) for space in self.spaces)
        )

    def wrong(self, choices: Choices, targets: Targets) -> NDArray[np.bool_]:
        """Return which of the labelled images (N) got a wrong answer; a number is right only exactly."""
        question = list(self.questions)[-1]
        if self.space_of(question).numeric:
            differs = self.as_evidence(targets)[question] != self.as_evidence(choices)[question]
        else:
            differs = (self.marks(targets) != self.marks(choices)).any(axis=1)
        return np.asarray(differs & self.scored(targets))

    def scored(self, targets: Targets) -> NDArray[np.bool_]:
        """Return which images (N) are labelled in the deciding question."""
        return np.asarray(self.marks(targets).any(axis=1))

    def unscored(self, targets: Targets) -> list[str]:
        """Return the labels of the deciding question that no image has: nothing can be said about them."""
        missing = np.flatnonzero(~self.marks(targets).any(axis=0))
        return [list(self.questions.values())[-1][index] for index in missing]

    def confusions(self, choices: Choices, targets: Targets) -> dict[str, Confusion]:
        """Return a confusion matrix for each question of labels, over the images that are labelled in it."""
        chosen, true = self.answers(choices), self.answers(targets)
        confusions = {}
        for question, labels in self.questions.items():
            if self.space_of(question).numeric:
                continue
            counts = confusion_matrix(true[question], chosen[question], len(labels))
            confusions[question] = Confusion(labels, counts, counts.sum(axis=1))
        return confusions

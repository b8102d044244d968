"""The images of which a model is surest that they are what they are not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tools.review.suspects import Question


@dataclass(frozen=True, slots=True)
class Mistake:
    """An image (its place among those validated), its label, and what was said instead, how surely."""

    view: str
    label: str
    image: int
    said: str
    sure: float  # the probability of what was said
    of_label: float  # and that of the label


def most_confident(question: Question, groups: Sequence[str], most: int) -> Iterator[Mistake]:
    """Yield the surest mistakes about each label of a question about single images, surest first.

    There is one of each group at most, since a person's photos make the same mistake together.
    """
    said = question.probabilities.argmax(axis=1)
    sure = question.probabilities.max(axis=1)
    for label, name in enumerate(question.names):
        wrong = np.flatnonzero((question.given == label) & (said != label))
        seen: set[str] = set()
        for place in wrong[np.argsort(-sure[wrong], kind="stable")].tolist():
            image = int(question.images[place][0])
            if groups[image] in seen:
                continue
            seen.add(groups[image])
            of_label = float(question.probabilities[place, label])
            answer = question.names[said[place]]
            yield Mistake(question.view, name, image, answer, float(sure[place]), of_label)
            if len(seen) == most:
                break

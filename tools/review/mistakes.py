"""The images of which a model is surest that they are what they are not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tools.review.suspects import Judged


@dataclass(frozen=True, slots=True)
class Mistake:
    """An image (its number among those validated), its label, and what was answered instead, how surely."""

    question: str
    label: str
    image: int
    answer: str
    probability: float  # of the answer
    of_label: float  # and of the label


def most_confident(judged: Judged, groups: Sequence[str], most: int) -> Iterator[Mistake]:
    """Yield the surest mistakes about each label of single images, surest first.

    There is one of each group at most, since a person's photos make the same mistake together.
    """
    answers = judged.probabilities.argmax(axis=1)
    highest = judged.probabilities.max(axis=1)
    for label, name in enumerate(judged.names):
        wrong = np.flatnonzero((judged.given == label) & (answers != label))
        seen: set[str] = set()

        for index in wrong[np.argsort(-highest[wrong], kind="stable")].tolist():
            image = int(judged.images[index][0])
            if groups[image] in seen:
                continue
            seen.add(groups[image])
            answer, of_label = judged.names[answers[index]], float(judged.probabilities[index, label])
            yield Mistake(judged.question, name, image, answer, float(highest[index]), of_label)
            if len(seen) == most:
                break

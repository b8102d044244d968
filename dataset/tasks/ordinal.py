"""Grades: one question, one right label, and the labels have an order."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor

from dataset.metrics.accuracy import Accuracy
from dataset.metrics.quadratic_kappa import QuadraticKappa
from dataset.tasks.base import TASKS, EvidenceLabels
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.labels import LabelNames
from dataset.tasks.moves import Move
from dataset.tasks.ordered import Answer, Ordered
from dataset.tasks.scoring import Scoring
from utils.shortened import listing

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_INSTEAD = "labels = THE LOWEST, ..., THE HIGHEST"
_ONE_NUMBER = re.compile(r"(\D*)(\d{1,400})(\D*)")


@TASKS.register
class OrdinalTask(ClassificationTask):
    """A grade for each image, scored by the quadratic kappa and accuracy.

    Losses that know of the order are ``CORN`` and ``CumulativeLink``; all of ClassificationTask's do too.

    Args:
        labels: the grades, the lowest first, or a file with one a line; none = those in the training table,
            where they are numbers, numbered, or A, B, C and so on.
        decide: ``median``: the highest grade that is reached with a probability above 1/2; ``likeliest``:
            the one with the highest probability, as accuracy wants it.
        submit: one column with the grade, or one with the probability of each grade.
        column: the name of that one column.
        changed_by: moves of an image that may change its grade (flip, shift, scale, rotate, upend, turn):
            neither augmentation nor views may make them.
    """

    own_metrics = (QuadraticKappa(), Accuracy())
    at_inference = ("decide", "submit", "column")

    def __init__(
        self,
        *,
        root: Path,
        labels_found: Callable[[], tuple[str, ...]],
        labels: LabelNames | None = None,
        decide: Answer = "median",
        submit: Literal["label", "probabilities"] = "label",
        column: str = "label",
        changed_by: tuple[Move, ...] = (),
    ) -> None:
        self.how = decide
        super().__init__(
            root=root,
            labels_found=lambda: graded(labels_found()),
            labels=labels,
            submit=submit,
            column=column,
            changed_by=changed_by,
        )

    def _space(self) -> Ordered:
        return Ordered("label", self.labels, self.how)

    def chosen(self, probabilities: Mapping[str, Tensor]) -> EvidenceLabels:
        return Scoring.chosen(self, probabilities)


def graded(names: Sequence[str], instead: str = _INSTEAD) -> tuple[str, ...]:
    """Return the names of grades from the lowest to the highest, where they say it themselves.

    Args:
        instead: what to write where they don't.

    Raises:
        ValueError: they are neither numbers, nor numbered alike, nor the first letters of the alphabet.
    """
    try:
        return tuple(sorted(names, key=_value))
    except ValueError:
        pass
    parts = [_ONE_NUMBER.fullmatch(name) for name in names]
    if all(parts) and len({(part[1], part[3]) for part in parts if part}) == 1:
        return tuple(sorted(names, key=lambda name: int(re.sub(r"\D", "", name))))
    letters = tuple(sorted(names))
    if letters and "".join(letters).casefold() == _ALPHABET[: len(letters)]:  # not S, M and L
        return letters
    raise ValueError(
        f"nobody knows the order of the grades {listing(list(map(repr, names)))}: write them from the lowest "
        f"to the highest, {instead}"
    )


def _value(name: str) -> float:
    """Return a grade that is a number; NaN would have no place among others."""
    value = float(name)
    if value != value:
        raise ValueError(f"{name!r} is no number")
    return value

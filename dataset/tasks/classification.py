"""Plain classification: one question, one right label."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor

from dataset.tasks.answers import Answers, likeliest, no_probability, probabilities
from dataset.tasks.base import (
    LABELS,
    TASKS,
    Choices,
    EvidenceLabels,
    Facts,
    Logits,
    Marked,
    Task,
)
from dataset.tasks.labels import LabelNames, index_by_label, indices, labels_fact, resolve
from dataset.tasks.moves import Move
from dataset.tasks.spaces import OneOf
from utils.errors import DataError
from utils.shortened import listing


@TASKS.register
class ClassificationTask(Task):
    """One label for each image, scored by macro-F1 and accuracy.

    Args:
        labels: their names in order, or a file with one a line; none = those in the training table.
        submit: one column with the label, or one with the probability of each label.
        column: the name of that one column.
        changed_by: moves of an image that may change its labels (flip, shift, scale, rotate, upend, turn):
            ``flip`` where a label knows left from right, ``upend`` where it knows top from bottom, ``turn``
            where a quarter turn matters. Neither augmentation nor views may make them.
    """

    needs = (LABELS,)
    at_inference: tuple[str, ...] = ("submit", "column")

    def __init__(
        self,
        *,
        root: Path,
        labels_found: Callable[[], tuple[str, ...]],
        labels: LabelNames | None = None,
        submit: Literal["label", "probabilities"] = "label",
        column: str = "label",
        changed_by: tuple[Move, ...] = (),
    ) -> None:
        self._spelt = resolve(labels, root, labels_found)
        self.labels = self._spelt.names
        self._index_of = index_by_label(self.labels)
        if len(self.labels) < 2 and labels is None:
            raise DataError(f"All training images have the label {self.labels[0]!r}: nothing to tell apart.")
        if len(self.labels) < 2:
            raise ValueError(f"labels: {self.labels[0]!r} alone leaves nothing to tell apart")
        super().__init__([self._space()])
        self.submit, self.column, self.changed_by = submit, column, changed_by

    def _space(self) -> OneOf:
        return OneOf("label", self.labels)

    def in_spelling(self, template: Mapping[str, str]) -> "ClassificationTask":
        written = copy.copy(self)
        written.labels = self._spelt.in_spelling(template)
        return written

    def encode(self, facts: Facts) -> Marked:
        marked = indices(facts, self._index_of)
        if len(marked) != 1:
            if not marked:
                raise ValueError("there is no label")
            names = [self.labels[index] for index in marked]
            columns = facts.keys() >= set(names)  # of 0 and 1, each with its label's name
            hint = "" if columns else "; for one label with spaces in it set separator = none in [dataset]"
            raise ValueError(
                f"{len(marked)} labels ({listing(list(map(repr, names)))}) where one is right{hint}"
            )
        return {"label": marked}

    def corrected(self, facts: Facts, question: str, label: int, *, present: bool = True) -> Facts:
        return {**facts, **labels_fact([self.labels[label]])}

    def chosen(self, probabilities: Mapping[str, Tensor]) -> EvidenceLabels:
        return likeliest(probabilities)

    @property
    def resolved(self) -> dict[str, str]:
        return {"labels": str(LabelNames(self._spelt.written))}

    @property
    def label_texts(self) -> tuple[str, ...]:
        return self.labels

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if self.submit == "label" else self.labels

    def answering(self, column: str) -> "ClassificationTask | None":
        if self.submit != "label":
            return None
        task = copy.copy(self)
        task.column = column
        return task

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        return {self.column: self.labels} if self.submit == "label" else {}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        return [{self.column: self.labels[index]} for index in self.answers(choices)["label"]]

    def submission(self, logits: Logits) -> list[dict[str, str]]:
        if self.submit == "label":
            return super().submission(logits)
        return probability_rows(self.labels, self.probabilities(logits)["label"].tolist())

    def submitted(self, rows: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        if self.submit == "label":
            return super().submitted(rows)
        shares = probabilities([[row[label] for label in self.labels] for row in rows])
        return {"label": Answers(self.labels, shares)}

    def wrong_value(self, column: str, value: str) -> str | None:
        if self.submit == "probabilities" and column in self.labels:
            return no_probability(value)
        return super().wrong_value(column, value)


def probability_rows(labels: tuple[str, ...], probabilities: list[list[float]]) -> list[dict[str, str]]:
    """Return a row for each image: the probability of each label, in a column named after it."""
    return [
        {label: f"{value:.6f}" for label, value in zip(labels, row, strict=True)} for row in probabilities
    ]

"""The likeliest labels of each image, in one cell."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataset.submissions.base import SUBMISSIONS, Submission, SubmissionRows, deciding, is_exclusive, sure
from dataset.tasks.answers import Answers, one_hot
from dataset.tasks.cells import SPACE, Separator
from utils.convert import Count
from utils.errors import closest
from utils.shortened import listing

if TYPE_CHECKING:
    from dataset.tasks.base import Logits, Task


@SUBMISSIONS.register
class TopLabels(Submission):
    """The k likeliest labels in one cell, the likeliest first, as MAP@k and top-k accuracy want them.

    Args:
        k: how many.
        separator: what stands between them: space, comma or another text.
        column: the column; a template's only column is taken, whatever it is called.
    """

    def __init__(self, *, k: Count = 5, separator: Separator = SPACE, column: str = "labels") -> None:
        if separator.text is None:
            raise ValueError("separator = none leaves no way to write several labels into one cell")
        self.k, self.separator, self.column = k, separator, column

    def check(self, task: "Task") -> None:
        super().check(task)
        labels = task.questions[deciding(task)]
        if self.k > len(labels):
            raise ValueError(f"k = {self.k}, but there are {len(labels)} labels: write k = {len(labels)}")
        mixed_up = [name for name in labels if self._between in name]
        if mixed_up and self.k > 1:
            other = next((mark for mark in (",", ";", "|") if not any(mark in name for name in labels)), "||")
            raise ValueError(
                f"separator = {self.separator} is part of the label {mixed_up[0]!r}: choose another, such as "
                f"separator = {Separator(other)}"
            )

    def columns(self, task: "Task") -> tuple[str, ...]:
        return (self.column,)

    def answers(self, task: "Task", logits: "Logits") -> SubmissionRows:
        # The later of equally likely labels stands higher, as the metrics MapAtK and TopK have it.
        likeliest = np.argsort(sure(task, logits), axis=1, kind="stable")[:, ::-1][:, : self.k]
        texts = task.label_texts
        return [{self.column: self._between.join(texts[i] for i in row)} for row in likeliest.tolist()]

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        labels, texts = task.questions[deciding(task)], task.label_texts
        cells = [self._parts(row[self.column]) for row in answers]
        if is_exclusive(task):
            first = one_hot([cell[0] if cell else "" for cell in cells], texts)
            return {deciding(task): Answers(labels, first)}
        shares = np.array([[text in cell for text in texts] for cell in cells], dtype=np.float32)
        return {deciding(task): Answers(labels, shares, exclusive=False)}

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        if column != self.column:
            return None
        parts, texts = self._parts(value), task.label_texts
        if unknown := [part for part in parts if part not in texts]:
            near = closest(unknown[0], texts)
            hint = f", but {near!r}" if near else ""
            return f"has no label {listing(list(map(repr, unknown)))}{hint}"
        if twice := sorted({part for part in parts if parts.count(part) > 1}):
            return f"has {listing(list(map(repr, twice)))} twice"
        return None if len(parts) == self.k else f"has {len(parts)} label(s) where {self.k} belong"

    def answering(self, task: "Task", column: str) -> "Task | None":
        named = copy.copy(self)
        named.column = column
        return task.handed_in(named)

    @property
    def _between(self) -> str:
        return self.separator.text or " "

    def _parts(self, cell: str) -> tuple[str, ...]:
        return self.separator.parts(cell) if self.k > 1 else (cell.strip(),)

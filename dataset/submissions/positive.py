"""One column for two classes: the probability of one of them."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataset.submissions.base import SUBMISSIONS, Submission, SubmissionRows, deciding, is_exclusive, sure
from dataset.submissions.probabilities import Digits
from dataset.tasks.answers import Answers, no_probability, probabilities
from utils.errors import closest

if TYPE_CHECKING:
    from dataset.tasks.base import Logits, Task


@SUBMISSIONS.register
class Positive(Submission):
    """The probability of one of two classes, in one column, as AUC of two classes wants it.

    Args:
        positive: the label whose probability it is; none = that of the metric, or else the last one.
        column: the column; a template's only column is taken, whatever it is called.
        digits: after the point.
    """

    def __init__(self, *, positive: str | None = None, column: str = "target", digits: Digits = 6) -> None:
        self.positive, self.column, self.digits = positive, column, digits

    def check(self, task: "Task") -> None:
        super().check(task)
        labels = task.questions[deciding(task)]
        if len(labels) != (2 if is_exclusive(task) else 1):
            kind = "of which one is right" if is_exclusive(task) else "of which any are right"
            raise ValueError(
                f"one column says which of two labels is right; here are {len(labels)} labels {kind}. Write "
                "name = Probabilities for a column each"
            )

        if self.positive is not None and self.positive not in labels:
            near = closest(self.positive, labels)
            hint = f" Did you mean {near!r}?" if near else ""
            names = ", ".join(map(repr, labels))
            raise ValueError(f"positive = {self.positive} is not one of {names}.{hint}")

        scored = _scored(task)
        if None not in (self.positive, scored) and self.positive != scored:
            raise ValueError(
                f"positive = {self.positive}, but the metric scores the probability of {scored!r}: the "
                f"submission would be upside down. Write positive = {scored} here or {self.positive} there"
            )

    def columns(self, task: "Task") -> tuple[str, ...]:
        return (self.column,)

    def answers(self, task: "Task", logits: "Logits") -> SubmissionRows:
        shares = sure(task, logits)[:, self._index(task)].tolist()
        return [{self.column: f"{share:.{self.digits}f}"} for share in shares]

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        labels, index = task.questions[deciding(task)], self._index(task)
        shares = probabilities([[row[self.column]] for row in answers])
        if is_exclusive(task):
            both = (shares, 1 - shares) if index == 0 else (1 - shares, shares)
            shares = np.hstack(both)
        return {deciding(task): Answers(labels, shares, exclusive=is_exclusive(task))}

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        return no_probability(value) if column == self.column else None

    def answering(self, task: "Task", column: str) -> "Task | None":
        named = copy.copy(self)
        named.column = column
        return task.handed_in(named)

    def _index(self, task: "Task") -> int:
        labels = task.questions[deciding(task)]
        positive = self.positive or _scored(task)
        return len(labels) - 1 if positive is None else labels.index(positive)


def _scored(task: "Task") -> str | None:
    """Return the label whose probability the competition's metric scores, if it names one."""
    positive: str | None = getattr(task.metrics[0].metric, "positive", None)
    return positive

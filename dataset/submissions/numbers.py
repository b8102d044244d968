"""A column for each number that is asked."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from dataset.submissions.base import SUBMISSIONS, Submission, SubmissionRows
from dataset.tasks.answers import Answers
from dataset.tasks.seen_numbers import number_doubts, wrong_number
from utils.convert import Interval

if TYPE_CHECKING:
    from dataset.tasks.base import Choices, Logits, Targets, Task

Decimals = Annotated[int, Interval(0, 15)]


@SUBMISSIONS.register
class Numbers(Submission):
    """One number for each image, or several in a column each, and no other answers.

    Args:
        columns: what the columns are called, in the order of the task's numbers; none = as the task calls
            them. Where there is one, a template's only column is taken, whatever it is called.
        decimals: after the point; 0 = whole numbers; none = as many as the number has.
    """

    kinds = frozenset({"number"})

    def __init__(self, *, columns: tuple[str, ...] | None = None, decimals: Decimals | None = None) -> None:
        if columns is not None and len(set(columns)) < len(columns):
            raise ValueError(f"columns = {', '.join(columns)}: a name stands there twice")
        self.named, self.decimals = columns, decimals

    def check(self, task: "Task") -> None:
        count = len(task.number_columns)
        if not count:
            raise ValueError(
                "the task asks for no number: RegressionTask does, and SeveralTask with numbers = COLUMN. "
                "Write name = Template for labels, or name = Probabilities"
            )
        if self.named is not None and len(self.named) != count:
            names = ", ".join(task.number_columns)
            raise ValueError(f"columns = {', '.join(self.named)}: {count} are needed, for {names}")

    def columns(self, task: "Task") -> tuple[str, ...]:
        return tuple(self._columns(task).values())

    def answers(self, task: "Task", logits: "Logits") -> SubmissionRows:
        return self._rows(task, task.decide(logits))

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        """Return in which part of training's numbers each answer lies, where these are known."""
        return {
            question: seen.answers([row[column] for row in answers])
            for question, column in self._columns(task).items()
            if (seen := task.seen[question]) is not None
        }

    def true_answers(self, task: "Task", targets: "Targets") -> dict[str, Answers]:
        return self.submitted(task, self._rows(task, targets))

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        return wrong_number(value) if column in self.columns(task) else None

    def doubts(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> list[str]:
        return [
            doubt
            for question, column in self._columns(task).items()
            for doubt in number_doubts(column, [row[column] for row in answers], task.seen[question])
        ]

    def answering(self, task: "Task", column: str) -> "Task | None":
        if len(task.number_columns) != 1:
            return None
        named = copy.copy(self)
        named.named = (column,)
        return task.handed_in(named)

    def _columns(self, task: "Task") -> dict[str, str]:
        """Return the column of each question about a number."""
        return dict(zip(task.number_columns, self.named or task.number_columns.values(), strict=True))

    def _rows(self, task: "Task", choices: "Choices") -> SubmissionRows:
        columns = self._columns(task)
        values = [choices[question][:, 0].tolist() for question in columns]
        return [
            dict(zip(columns.values(), map(self._text, row), strict=True))
            for row in zip(*values, strict=True)
        ]

    def _text(self, value: float) -> str:
        if self.decimals is None:
            return f"{value:.9g}"
        return f"{round(value, self.decimals) + 0.0:.{self.decimals}f}"  # 0 has no sign

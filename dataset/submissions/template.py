"""What the task writes by itself."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dataset.submissions.base import SUBMISSIONS, Rows, Submission
from dataset.tasks.answers import Answers

if TYPE_CHECKING:
    from dataset.tasks.base import Logits, Task


@SUBMISSIONS.register
class Template(Submission):
    """The organiser's columns, filled as the task says: see submit and column in [task]."""

    section = "task"

    def check(self, task: "Task") -> None:
        """Every task has answers of its own."""

    def columns(self, task: "Task") -> tuple[str, ...]:
        return task.columns

    def allowed(self, task: "Task") -> dict[str, tuple[str, ...]]:
        return task.allowed

    def answers(self, task: "Task", logits: "Logits") -> Rows:
        return task.submission(logits)

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        return task.submitted(answers)

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        return task.wrong_value(column, value)

    def answering(self, task: "Task", column: str) -> "Task | None":
        return task.answering(column)

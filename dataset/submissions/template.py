"""What the task writes by itself."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dataset.submissions.base import SUBMISSIONS, Submission, SubmissionRows
from dataset.tasks.answers import Answers

if TYPE_CHECKING:
    from dataset.tasks.base import Logits, Targets, Task


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

    def answers(self, task: "Task", logits: "Logits") -> SubmissionRows:
        return task.submission(logits)

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        return task.submitted(answers)

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        return task.wrong_value(column, value)

    def true_answers(self, task: "Task", targets: "Targets") -> dict[str, Answers]:
        if not task.allowed and not task.number_columns:
            return super().true_answers(task, targets)
        chosen = {space.name: space.as_chosen(targets[space.name]) for space in task.spaces}
        return task.submitted(task.rows(chosen))

    def doubts(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> list[str]:
        return task.doubts(answers)

    def answering(self, task: "Task", column: str) -> "Task | None":
        return task.answering(column)

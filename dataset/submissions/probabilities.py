"""A column for each class, with its probability."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from dataset.submissions.base import SUBMISSIONS, Submission, SubmissionRows, deciding, is_exclusive, sure
from dataset.tasks.answers import Answers, no_probability, probabilities
from utils.convert import Interval

if TYPE_CHECKING:
    from dataset.tasks.base import Logits, Task

Digits = Annotated[int, Interval(1, 9)]
_LABEL = "{label}"


@SUBMISSIONS.register
class Probabilities(Submission):
    """A column for each label with its probability, as log loss and AUC of several classes want it.

    Args:
        column: what the columns are called: ``{label}`` stands for the label, as in ``prob_{label}``.
        digits: after the point.
    """

    def __init__(self, *, column: str = _LABEL, digits: Digits = 6) -> None:
        if _LABEL not in column:
            raise ValueError(f"column = {column} is one name for all labels: write {_LABEL} in it")
        self.column, self.digits = column, digits

    def columns(self, task: "Task") -> tuple[str, ...]:
        return tuple(self.column.replace(_LABEL, label) for label in task.label_texts)

    def answers(self, task: "Task", logits: "Logits") -> SubmissionRows:
        columns = self.columns(task)
        return [
            dict(zip(columns, (f"{share:.{self.digits}f}" for share in shares), strict=True))
            for shares in sure(task, logits).tolist()
        ]

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        columns = self.columns(task)
        shares = probabilities([[row[column] for column in columns] for row in answers])
        labels = task.questions[deciding(task)]
        return {deciding(task): Answers(labels, shares, exclusive=is_exclusive(task))}

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        return no_probability(value) if column in self.columns(task) else None

"""A task's answers as the organiser spells them: his columns, labels and ids, letter by letter."""

from dataclasses import dataclass

from dataset.readers.eval_base import EvalDataset
from dataset.tasks.base import Logits, Task
from inference.columns import submission_rows
from utils.texts import comparable


@dataclass(frozen=True, slots=True)
class Written:
    """What a task writes into a template.

    Args:
        task: with the organiser's labels.
        images: with his columns.
    """

    task: Task
    images: EvalDataset

    @classmethod
    def of(cls, task: Task, images: EvalDataset) -> "Written":
        """Return how a template spells what a task writes."""
        spelling = images.spelling(label for labels in task.questions.values() for label in labels)
        return cls(task.in_spelling(spelling), images)

    def rows(self, logits: Logits, times: int = 1) -> list[dict[str, str]]:
        """Return the submission's rows, each of ``logits`` so many ``times``."""
        answers = self.task.submission(logits) * times
        named = [{comparable(name): value for name, value in row.items()} for row in answers]
        return [
            {self._column(name): value for name, value in row.items()}
            for row in submission_rows(named, self.images)
        ]

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The values that the organiser's columns may have."""
        return {self._column(name): values for name, values in self.task.allowed.items()}

    def wrong_value(self, column: str, value: str) -> str | None:
        """Return what is wrong with a value of one of the organiser's columns, or None."""
        ours = {self._column(name): name for name in (*self.task.columns, *self.task.allowed)}
        return self.task.wrong_value(ours.get(column, column), value)

    def _column(self, name: str) -> str:
        """Return how the organiser spells a column; one that he has not stays as it is."""
        return self.images.spelt.get(comparable(name), name)

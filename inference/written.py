"""A task's answers as the organiser spells them: his columns, labels and ids, letter by letter."""

from collections.abc import Sequence
from dataclasses import dataclass

from dataset.readers.eval_base import EvalDataset
from dataset.tasks.base import Logits, Task
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
        answers = self.task.form.answers(self.task, logits) * times
        named = [{comparable(name): value for name, value in row.items()} for row in answers]
        rows = self.task.form.rows(self.task, named, self.images)
        return [{self._column(name): value for name, value in row.items()} for row in rows]

    @property
    def ids(self) -> Sequence[str]:
        """The first column of the file, in order, as the organiser writes it."""
        return self.task.form.ids(self.task, self.images)

    @property
    def keys(self) -> list[str]:
        """What tells each row of the file from all others, in order: what stands in its ``key_columns``."""
        return [", ".join(key) for key in self.task.form.row_keys(self.task, self.images)]

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The organiser's columns that tell one row from all others."""
        return (self.images.header[0], *map(self._column, self.task.form.keys(self.task)))

    def by_image(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """Return a row for each image of the rows of a file that is right, both as texts are compared."""
        return self.task.form.by_image(self.task, rows, self.images)

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The values that the organiser's columns may have."""
        form = self.task.form
        return {self._column(name): values for name, values in form.allowed(self.task).items()}

    def wrong_value(self, column: str, value: str) -> str | None:
        """Return what is wrong with a value of one of the organiser's columns, or None."""
        task, form = self.task, self.task.form
        ours = {self._column(name): name for name in (*form.columns(task), *form.allowed(task))}
        return form.wrong_value(task, ours.get(column, column), value)

    def _column(self, name: str) -> str:
        """Return how the organiser spells a column; one that he has not stays as it is."""
        return self.images.spelt.get(comparable(name), name)

"""The submission: exactly the organiser's columns, ids and order, or none."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.eval_dataset import EvalDataset
from dataset.task import Task
from utils.errors import DataError, listed
from utils.tables import read_table, write_table
from utils.texts import comparable


@dataclass(frozen=True, slots=True)
class Written:
    """A task's answers as the organiser spells columns and labels.

    Args:
        task: with his labels.
        columns: his, by name as it is compared.
    """

    task: Task
    columns: Mapping[str, str]

    @classmethod
    def of(cls, task: Task, images: EvalDataset) -> "Written":
        """Return how a template spells what a task writes."""
        spelling = images.spelling(label for labels in task.views.values() for label in labels)
        return cls(task.in_spelling(spelling), {comparable(name): name for name in images.columns})

    def column(self, name: str) -> str:
        """Return how the organiser spells a column of the task; a column that he has not stays as it is."""
        return self.columns.get(comparable(name), name)

    def rows(self, answers: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """Return rows of the task with his columns."""
        spelt = {name: self.column(name) for name in (answers[0] if answers else ())}
        return [{spelt[name]: value for name, value in row.items()} for row in answers]

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The values that his columns may have."""
        return {self.column(name): values for name, values in self.task.allowed.items()}

    def wrong_value(self, column: str, value: str) -> str | None:
        """Return what is wrong with a value of one of his columns, or None."""
        own = {self.column(name): name for name in (*self.task.columns, *self.task.allowed)}
        return self.task.wrong_value(own.get(column, column), value)


def check_submission(
    rows: Sequence[Mapping[str, str]],
    ids: Sequence[str],
    columns: Sequence[str],
    allowed: Mapping[str, Sequence[str]],
) -> None:
    """Check rows in the template's form before they are written.

    Args:
        rows: of the submission, with the id.
        ids: the template's, in order.
        columns: the template's, the id first.
        allowed: the values that each other column may have.

    Raises:
        DataError: lists a wrong count, columns, ids or values.
    """
    problems = []
    if len(rows) != len(ids):
        problems.append(f"{len(rows)} rows where the template has {len(ids)}")
    for number, (row, identity) in enumerate(zip(rows, ids, strict=False), start=1):
        if tuple(row) != tuple(columns):
            problems.append(f"row {number}: columns {', '.join(row)} instead of {', '.join(columns)}")
        elif row[columns[0]] != identity:
            problems.append(f"row {number}: id {row[columns[0]]!r} where the template has {identity!r}")
        problems += [
            f"row {number}: {column} = {row[column]!r} is not one of {', '.join(values)}"
            for column, values in allowed.items()
            if column in row and row[column] not in values
        ]
    if problems:
        raise DataError(listed("The submission", problems) + "\nNothing was written.")


def write_submission(
    path: Path,
    rows: Sequence[Mapping[str, str]],
    ids: Sequence[str],
    columns: Sequence[str],
    allowed: Mapping[str, Sequence[str]],
) -> None:
    """Check and write a submission, then read it back and check the file as well."""
    check_submission(rows, ids, columns, allowed)
    write_table(path, columns, ([row[column] for column in columns] for row in rows))
    found = read_table(path, columns)
    spelt = dict(zip(found.columns, found.header, strict=True))
    again = [{spelt[name]: row.as_written(name) for name in found.columns} for row in found.rows]
    check_submission(again, ids, columns, allowed)


def histogram(rows: Sequence[Mapping[str, str]], column: str, values: Sequence[str]) -> list[int]:
    """Return how many rows have each of ``values``."""
    counts = Counter(row[column] for row in rows)
    return [counts[value] for value in values]

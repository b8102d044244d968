"""How many people and images each class has, in each split, before and after the team's policy."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataset.readers.base import BaseDataset, whose
from dataset.tasks.base import Task
from utils.shortened import ends
from utils.tables import write_table
from utils.text_table import Cells, format_table

COLUMNS = (
    "class",
    "people",
    "images",
    "train people",
    "train images",
    "valid people",
    "valid images",
)
_PeopleAndImages = tuple[int, int]


def class_table(dataset: BaseDataset, task: Task) -> list[Cells]:
    """Return a row for each class of the deciding question, in the order of ``COLUMNS``.

    The first counts and those of validation go by the organiser's labels, those of training by what is
    trained on: after age policy, corrections and images left out.
    """
    true, trained = task.marks(dataset.targets), task.marks(dataset.train_targets)
    everything = np.arange(len(true))
    _, person = np.unique(np.asarray(dataset.counted), return_inverse=True)

    def count(marks: NDArray[np.bool_], rows: NDArray[np.int64], label: int) -> _PeopleAndImages:
        rows = rows[marks[rows, label]]
        return len(np.unique(person[rows])), len(rows)

    return [
        (
            name,
            *count(true, everything, label),
            *count(trained, dataset.train_rows, label),
            *count(true, dataset.valid_rows, label),
        )
        for label, name in enumerate(list(task.questions.values())[-1])
    ]


def as_called(dataset: BaseDataset, rows: list[Cells]) -> tuple[tuple[str, ...], list[Cells]]:
    """Return the columns and rows to show: groups by their name, and none where each image is its own."""
    called = whose(dataset.counted, dataset.counted_words)[1]
    kept = [i for i, column in enumerate(COLUMNS) if called != "images" or "people" not in column]
    columns = tuple(COLUMNS[i].replace("people", called) for i in kept)
    return columns, [tuple(row[i] for i in kept) for row in rows]


def in_short(columns: tuple[str, ...], rows: list[Cells], file: Path) -> str:
    """Return the table as text; of more than 20 classes those with the most and the fewest images."""
    images = columns.index("images")
    order = sorted(range(len(rows)), key=lambda number: -int(rows[number][images]))
    first, last = ends(order)
    if not last:
        return format_table(columns, rows)
    left_out = len(rows) - len(first) - len(last)
    gap = f"... {left_out} more, all in {file}"
    lines = format_table(columns, [rows[i] for i in (*first, *last)]).split("\n")
    return "\n".join([*lines[: 1 + len(first)], gap, *lines[1 + len(first) :]])


def write_class_table(path: Path, rows: list[Cells], columns: tuple[str, ...] = COLUMNS) -> None:
    """Keep the table in the run folder."""
    write_table(path, columns, rows)

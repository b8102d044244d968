"""How many people and images each class has, in each split, before and after the team's policy."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataset.base_dataset import BaseDataset
from dataset.task import Task
from utils.tables import write_table

COLUMNS = (
    "class",
    "people",
    "images",
    "train people",
    "train images",
    "valid people",
    "valid images",
)
_Counts = tuple[int, int]


def class_table(dataset: BaseDataset, task: Task) -> list[tuple[str | int, ...]]:
    """Return a row for each class of the deciding view, in the order of ``COLUMNS``.

    The first counts and those of validation go by the organiser's labels, those of training by what is
    trained on: after age policy, corrections and images left out.
    """
    true, trained = task.members(dataset.targets), task.members(dataset.train_targets)
    everything = np.arange(len(true))
    _, person = np.unique(np.asarray(dataset.groups), return_inverse=True)

    def count(members: NDArray[np.bool_], rows: NDArray[np.int64], label: int) -> _Counts:
        rows = rows[members[rows, label]]
        return len(np.unique(person[rows])), len(rows)

    return [
        (
            name,
            *count(true, everything, label),
            *count(trained, dataset.train_rows, label),
            *count(true, dataset.valid_rows, label),
        )
        for label, name in enumerate(list(task.views.values())[-1])
    ]


def without_people(
    dataset: BaseDataset, rows: list[tuple[str | int, ...]]
) -> tuple[tuple[str, ...], list[tuple[str | int, ...]]]:
    """Return the columns and rows to show: without the people where each image is a group of its own."""
    if len(set(dataset.groups)) < len(dataset.groups):
        return COLUMNS, rows
    kept = [place for place, column in enumerate(COLUMNS) if "people" not in column]
    return tuple(COLUMNS[i] for i in kept), [tuple(row[i] for i in kept) for row in rows]


def format_table(columns: tuple[str, ...], rows: list[tuple[str | int, ...]]) -> str:
    """Return the table as text with aligned columns."""
    texts = [columns, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in texts
    )


def write_class_table(
    path: Path, rows: list[tuple[str | int, ...]], columns: tuple[str, ...] = COLUMNS
) -> None:
    """Keep the table in the run folder."""
    write_table(path, columns, rows)

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
    view = list(task.views)[-1]
    true = task.answers(dataset.targets)[view]
    trained = task.answers(dataset.train_targets)[view]
    everything = np.arange(len(true))
    _, person = np.unique(np.asarray(dataset.groups), return_inverse=True)

    def count(classes: NDArray[np.int64], rows: NDArray[np.int64], label: int) -> _Counts:
        rows = rows[classes[rows] == label]
        return len(np.unique(person[rows])), len(rows)

    return [
        (
            name,
            *count(true, everything, label),
            *count(trained, dataset.train_rows, label),
            *count(true, dataset.valid_rows, label),
        )
        for label, name in enumerate(task.views[view])
    ]


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


def write_class_table(path: Path, rows: list[tuple[str | int, ...]]) -> None:
    """Keep the table in the run folder."""
    write_table(path, COLUMNS, rows)

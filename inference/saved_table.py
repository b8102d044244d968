"""A table of probabilities or numbers: read by pandas while nothing is wrong with it, else line by line."""

import io
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.csv_records import read_text
from utils.errors import DataError, closest, listed
from utils.on_disk import on_disk
from utils.tables import Row, Table, from_spreadsheet, read_table
from utils.texts import comparable

Ids = tuple[tuple[str, ...], ...]  # of each image the values of the first columns
SavedProbabilities = NDArray[np.float64]  # (N, labels)


def read_plain(
    path: Path, id_columns: Sequence[str], labels: Sequence[str], numbers: Collection[str] = ()
) -> tuple[Ids, SavedProbabilities] | None:
    """Return what stands in a table that is as a run writes it; None for any other, also a damaged one.

    pandas reads six decimals as Python does, to the last bit, and a table of 28 MB 14 times faster than
    ``read_with_lines``, which knows each row's line and so has to say what is wrong.

    Args:
        numbers: the labels whose values are finite numbers of any size.

    Raises:
        DataError: the file is missing, or is no text.
    """
    import pandas  # a third of a second, which no mode is to spend for nothing

    text = read_text(on_disk(path))
    try:
        table = pandas.read_csv(
            io.StringIO(text, newline=""),
            dtype=dict.fromkeys([*id_columns, *numbers], str),
            na_filter=False,
            low_memory=False,
        )
        # As Python reads them: pandas would be off in the last bit of so many digits.
        table = table.astype(dict.fromkeys(numbers, np.float64)) if numbers else table
    except (ValueError, KeyError):  # which its errors about the form of a file are, too
        return None

    # Rows with more values than the header has would be read with their first value as an index.
    as_written = list(table.columns) == [*id_columns, *labels] and isinstance(table.index, pandas.RangeIndex)
    if not as_written or table.empty or any(table[label].dtype.kind not in "if" for label in labels):
        return None
    probabilities = table[list(labels)].to_numpy(dtype=np.float64)
    if _wrong(probabilities, labels, numbers).any():
        return None
    return tuple(zip(*(_texts(table[column].tolist()) for column in id_columns), strict=True)), probabilities


def read_with_lines(
    path: Path, id_columns: Sequence[str], labels: Sequence[str], numbers: Collection[str] = ()
) -> tuple[Ids, SavedProbabilities, list[str]]:
    """Return the same of any table that can be read, and in which lines something is no probability.

    Raises:
        DataError: the file is missing, is no table, or has columns that are missing or of other labels.
    """
    table = read_table(path, id_columns, guarded=True)
    id_columns = list(map(comparable, id_columns))
    if problems := _wrong_columns(table, id_columns, labels):
        raise DataError(listed(str(path), problems) + "\nIt was written by a run with other labels.")

    ids = tuple(tuple(row[column] for column in id_columns) for row in table.rows)
    values = [[_number(row[label]) for label in labels] for row in table.rows]
    probabilities = np.array(values, dtype=np.float64).reshape(len(values), len(labels))
    return ids, probabilities, _no_probabilities(probabilities, labels, table.rows, numbers)


def _texts(cells: list[str]) -> list[str]:
    """Return cells as they are compared; each different one is looked at once."""
    compared = {cell: comparable(from_spreadsheet(cell)) for cell in set(cells)}
    return [compared[cell] for cell in cells]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _wrong_columns(table: Table, id_columns: Sequence[str], labels: Sequence[str]) -> list[str]:
    others = [column for column in table.columns if column not in {*id_columns, *labels}]
    problems = []
    for label in labels:
        if label not in table.columns:
            near = closest(label, others)
            problems.append(f"there is no column {label!r}" + (f", but {near!r}" if near else ""))
    return problems + [f"column {column!r} is of no label" for column in others]


def _wrong(values: SavedProbabilities, labels: Sequence[str], numbers: Collection[str]) -> NDArray[np.bool_]:
    """Return which values (N, labels) are no probability, or no finite number."""
    probable = ~((values >= 0) & (values <= 1))  # which is also true of what is no number
    if not numbers:
        return np.asarray(probable)
    free = np.array([label in numbers for label in labels])
    return np.asarray(np.where(free, ~np.isfinite(values), probable))


def _no_probabilities(
    values: SavedProbabilities, labels: Sequence[str], rows: Sequence[Row], numbers: Collection[str]
) -> list[str]:
    return [
        f"{rows[row].line}: {labels[column]} = {rows[row][labels[column]]!r} is no "
        + ("finite number" if labels[column] in numbers else "probability in [0, 1]")
        for row, column in np.argwhere(_wrong(values, labels, numbers)).tolist()
    ]

"""The submission: exactly the organiser's columns, ids and order, or none."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.errors import DataError, listed
from utils.shortened import listing
from utils.tables import read_table, write_table


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
    valid = {column: frozenset(values) for column, values in allowed.items()}
    problems = []
    if len(rows) != len(ids):
        problems.append(f"{len(rows)} rows where the template has {len(ids)}")

    for number, (row, identity) in enumerate(zip(rows, ids, strict=False), start=1):
        if tuple(row) != tuple(columns):
            problems.append(f"row {number}: columns {listing(list(row))} instead of {listing(columns)}")
        elif row[columns[0]] != identity:
            problems.append(f"row {number}: id {row[columns[0]]!r} where the template has {identity!r}")
        problems += [
            f"row {number}: {column} = {row[column]!r} is not one of {listing(values)}"
            for column, values in allowed.items()
            if column in row and row[column] not in valid[column]
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
    cells = ([row[column] for column in columns] for row in rows)
    write_table(path, columns, cells, guarded=False)  # the organiser's answers, letter by letter
    table = read_table(path, columns)
    spelt = dict(zip(table.columns, table.header, strict=True))
    again = [{spelt[name]: row.as_written(name) for name in table.columns} for row in table.rows]
    check_submission(again, ids, columns, allowed)
    if again != rows:
        raise DataError(f"{path}, read back, is not what was written.")


def histogram(rows: Sequence[Mapping[str, str]], column: str, values: Sequence[str]) -> list[int]:
    """Return how many rows have each of ``values``."""
    counts = Counter(row[column] for row in rows)
    return [counts[value] for value in values]

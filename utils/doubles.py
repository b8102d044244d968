"""Rows of a table that stand there twice: equal ones are kept once, others contradict each other."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from utils.tables import Row

_INDEX = ("", "index", "unnamed: 0", "level_0")  # columns that only number the rows

_MOST_SHOWN = 10  # rows that are named; the rest is counted


@dataclass(frozen=True, slots=True)
class Doubles:
    """The rows of a table, of equal ones the first.

    Args:
        rows: in their order.
        notes: a line for each row that was left out, or for the first of many.
        clashes: what is wrong with a row, by its line: another one is about the same and says otherwise.
    """

    rows: list[Row]
    notes: list[str]
    clashes: dict[str, str]


def is_index(column: str) -> bool:
    """Return whether a column's name is one that only numbers the rows, as pandas writes it."""
    return column.casefold() in _INDEX


def keep_one(rows: Sequence[Row], key: Callable[[Row], str]) -> Doubles:
    """Return rows without those that repeat another one; columns that number the rows don't count.

    Args:
        key: what a row is about, such as an image's name; nothing of it is a row by itself.
    """
    times: Counter[str] = Counter()
    first: dict[str, Row] = {}
    kept: list[Row] = []
    notes: list[str] = []
    contradicted: dict[str, tuple[str, Row, Row, str]] = {}  # by line: name, the row, another one, a column

    for row in rows:  # once, since a table makes its rows anew each time
        name = key(row)
        times[name] += 1
        known = first.setdefault(name, row) if name else row
        if known is row:
            kept.append(row)
        elif not (differing := _differing(known, row)):
            notes.append(f"{row.line} repeats {known.line}: it is kept once")
        else:
            kept.append(row)
            column = differing[0]
            for here, there in ((known, row), (row, known)):
                contradicted.setdefault(here.line, (name, here, there, column))

    clashes = {
        line: f"{name!r} stands in {times[name]} rows, in {there.line} with another {column} "
        f"({there[column]!r} there, {here[column]!r} here)"
        for line, (name, here, there, column) in contradicted.items()
    }
    if len(notes) > _MOST_SHOWN:
        notes[_MOST_SHOWN:] = [f"... and {len(notes) - _MOST_SHOWN} more rows repeat others"]
    return Doubles(kept, notes, clashes)


def _differing(row: Row, other: Row) -> list[str]:
    return [name for name in row.values if row[name] != other[name] and not is_index(name)]

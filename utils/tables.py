"""CSV files in and out: every value is text, every row knows its line, every id stays as it was."""

import csv
import io
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import overload

from utils.csv_records import CsvRecord, records, separator_of
from utils.durable import write_text
from utils.errors import DataError, listed, unknown_name
from utils.on_disk import on_disk
from utils.shortened import listing
from utils.texts import comparable

_MAY_BE_RUN = tuple("'=+-@\t\r")  # what begins a cell that a spreadsheet would run, or a guarded one
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")
_NEARLY_ALL = 0.9
_SHARED = 10_000  # different cells of which equal ones are kept once: of most columns, all
_SAME: Mapping[str, str] = MappingProxyType({})  # one for the many rows that it is true of


@dataclass(frozen=True, slots=True)
class Row:
    """One row's values by column, as they are compared, and where it stands.

    Args:
        values: each ``comparable``: without the spaces around it, its letters composed.
        line: such as ``train.csv line 7``.
        written: those that stand in the file in another way.
    """

    values: Mapping[str, str]
    line: str
    written: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Sequence[str], cells: Sequence[str], line: str) -> "Row":
        """Return a row of the cells that a file holds."""
        compared = list(map(comparable, cells))
        values = dict(zip(columns, compared, strict=True))
        if compared == cells:  # as nearly all rows are
            return cls(values, line, _SAME)
        pairs = zip(columns, cells, strict=True)
        return cls(values, line, {name: cell for name, cell in pairs if cell != values[name]})

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def as_written(self, column: str) -> str:
        """Return a value as it stands in the file, blanks and all."""
        return self.written.get(column, self.values[column])


class Rows(Sequence[Row]):
    """The rows of a table: their cells are kept, a row is made when it is asked for.

    Args:
        columns: as they are compared.
        cells: of each row, as they are compared.
        lines: in which each ends.
        written: by row, its cells as they stand in the file, where that is another way.
        name: of the file.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        cells: list[tuple[str, ...]],
        lines: Sequence[int],
        written: Mapping[int, Sequence[str]],
        name: str,
    ) -> None:
        self._columns, self._cells, self._lines, self._written = columns, cells, lines, written
        self._name = name

    def __len__(self) -> int:
        return len(self._cells)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        numbers = range(len(self))[index]
        return self._row(numbers) if isinstance(numbers, int) else [self._row(row) for row in numbers]

    def __iter__(self) -> Iterator[Row]:
        return map(self._row, range(len(self)))

    def column(self, name: str) -> list[str]:
        """Return a column's values (N) as they are compared, without making a row."""
        index = self._columns.index(name)
        return [cells[index] for cells in self._cells]

    def _row(self, number: int) -> Row:
        values = dict(zip(self._columns, self._cells[number], strict=True))
        line = f"{self._name} line {self._lines[number]}"
        if (written := self._written.get(number)) is None:  # as nearly all rows are
            return Row(values, line, _SAME)
        pairs = zip(self._columns, written, strict=True)
        return Row(values, line, {name: cell for name, cell in pairs if cell != values[name]})


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file.

    Args:
        columns: in order, as they are compared.
        header: the same as they are written.
        separator: what divides its values.
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]
    header: tuple[str, ...]
    separator: str = ","

    def column(self, name: str) -> list[str]:
        """Return a column's values (N) as they are compared."""
        return self.rows.column(name) if isinstance(self.rows, Rows) else [row[name] for row in self.rows]


def read_table(path: Path, needs: Sequence[str], *, guarded: bool = False) -> Table:
    """Return the rows of a CSV file; blank lines are skipped, a BOM and CRLF are fine.

    Values may also be divided by semicolons, tabs or bars, as spreadsheets of many countries write them.

    Args:
        guarded: it is one that ``write_table`` wrote so, or a person after its example.

    Raises:
        DataError: the file is missing, empty, not UTF-8 text, lacks one of the columns that it ``needs``,
            or has rows with more or fewer values than columns (all of them are listed).
    """
    path, needs = on_disk(path), [comparable(name) for name in needs]
    separator = separator_of(path, needs)
    cells, lines, written = _read(records(path, separator), guarded=guarded)
    if not cells:
        raise DataError(f"{path} is empty; it needs the columns {listing(needs)}.")

    columns, header = cells[0], tuple(written.pop(0, cells[0]))
    _check_columns(path, columns, needs)
    ragged = [
        f"{path.name} line {line}: {len(row)} values for {len(columns)} columns"
        for line, row in zip(lines[1:], cells[1:], strict=True)
        if len(row) != len(columns)
    ]
    if ragged:
        why = _why_ragged(cells[1:], len(columns))
        raise DataError(f"{path}: {why} (first: {ragged[0]})" if why else listed(str(path), ragged))
    if len(cells) == 1:
        raise DataError(f"{path} has a header and no row.")

    written = {number - 1: row for number, row in written.items()}
    return Table(columns, Rows(columns, cells[1:], lines[1:], written, path.name), header, separator)


_Parsed = tuple[list[tuple[str, ...]], "array[int]", dict[int, Sequence[str]]]


def _read(stream: Iterator[CsvRecord], *, guarded: bool) -> _Parsed:
    """Return the cells of records that are not blank as they are compared, their lines, and others' writing.

    Columns at the end in which nothing stands, as spreadsheets leave them, are none.
    """
    cells: list[tuple[str, ...]] = []
    lines, written = array("Q"), dict[int, Sequence[str]]()
    shared: dict[str, str] = {}
    used = 0  # columns

    for line, raw in stream:
        values = raw if not guarded or not cells else [from_spreadsheet(cell) for cell in raw]
        compared = tuple(map(comparable, values))
        if not any(compared):
            continue
        if len(shared) < _SHARED:
            compared = tuple(shared.setdefault(cell, cell) for cell in compared)
        else:
            compared = tuple(shared.get(cell, cell) for cell in compared)
        while len(compared) > used and any(compared[used:]):
            used += 1
        if compared != tuple(values):
            written[len(cells)] = values
        cells.append(compared)
        lines.append(line)

    if any(len(row) > used for row in cells):
        cells = [row[:used] for row in cells]
        written = {number: row[:used] for number, row in written.items()}
    return cells, lines, written


def _why_ragged(rows: Sequence[Sequence[str]], columns: int) -> str:
    """Return what may be the cause if hardly a row has the header's number of values."""
    count, often = Counter(map(len, rows)).most_common(1)[0]
    if count == columns or often < _NEARLY_ALL * len(rows):
        return ""
    if count > columns:
        why = "is a value with a separator in it without quotation marks, or a column without a name?"
    else:
        why = "is something else between their values than between the columns' names?"
    return f"{often} of {len(rows)} rows have {count} values for {columns} columns: {why}"


def write_table(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], *, guarded: bool = True
) -> None:
    """Write a CSV file durably: UTF-8, line feeds, no index column.

    Args:
        guarded: no text in it can be run as a formula, for a spreadsheet may open it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(map(_guarded, (columns, *rows)) if guarded else (columns, *rows))
    write_text(path, out.getvalue())


def _guarded(cells: Sequence[object]) -> list[object]:
    return [for_spreadsheet(cell) if isinstance(cell, str) else cell for cell in cells]


def for_spreadsheet(cell: str) -> str:
    """Return a cell with an apostrophe before what a spreadsheet would run as a formula, such as ``=1+1``.

    Names of files and people come from anywhere. Numbers stay as they are.
    """
    if not cell.startswith(_MAY_BE_RUN):  # nearly all of many numbers, without an expression for each
        return cell
    return f"'{cell}" if re.match(r"'*[=+\-@\t\r]", cell) and not _NUMBER.fullmatch(cell) else cell


def from_spreadsheet(cell: str) -> str:
    """Return the cell that ``for_spreadsheet`` was given; one that nobody guarded stays as it is."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell


def _check_columns(path: Path, columns: Sequence[str], needs: Sequence[str]) -> None:
    problems = [
        f"there is no column {name!r}. {unknown_name('column', name, columns)}"
        for name in needs
        if name not in columns
    ]
    problems += [f"column {name!r} stands there twice" for name in set(columns) if columns.count(name) > 1]
    if problems:
        alone = len(columns) == 1 and re.search(r"[^\w.-]", columns[0])
        hint = ""
        if alone:
            hint = f"\nIts header is one column, {columns[0]!r}: is there no comma between its values?"
        elif any(re.search(r"\.(png|jpe?g|bmp|webp|tiff?|gif)$", name, re.IGNORECASE) for name in columns):
            hint = "\nIts first line names an image: write a line with the columns' names above it."
        raise DataError(listed(str(path), sorted(problems)) + hint)

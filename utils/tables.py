"""CSV files in and out: every value is text, every row knows its line, every id stays as it was."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from utils.durable import write_text
from utils.encodings import is_utf16, not_utf8
from utils.errors import DataError, listed, unknown_name
from utils.on_disk import on_disk
from utils.shortened import listing
from utils.texts import comparable

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")
_SEPARATORS = (",", ";", "\t", "|")
_NEARLY_ALL = 0.9
_LOOKED_AT = 20  # records that show what divides a table's values
# What a file begins with that is no table, and what it is.
_NO_TABLES = {
    b"version https://git-lfs": "a pointer of Git LFS, not the table itself: run 'git lfs pull' there",
    b"<!doctype html": "a web page: a download that needed a login, most likely. Download it again",
    b"<html": "a web page: a download that needed a login, most likely. Download it again",
    b"pk\x03\x04": "a zip archive or an Excel file: unpack it, or save it as 'CSV UTF-8'",
    b"\x1f\x8b": "compressed by gzip: unpack it",
}
# A cell may hold a run-length mask or a whole text; the default of 131,072 characters is no limit of ours.
csv.field_size_limit(2**31 - 1)


_SAME: Mapping[str, str] = MappingProxyType({})  # one for the many rows that it is true of


@dataclass(frozen=True, slots=True)
class Row:
    """One row's values by column, as they are compared, and where it stands.

    Args:
        values: each ``comparable``: without the spaces around it, its letters composed.
        place: such as ``train.csv line 7``.
        written: those that stand in the file in another way.
    """

    values: Mapping[str, str]
    place: str
    written: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Sequence[str], cells: Sequence[str], place: str) -> "Row":
        """Return a row of the cells that a file holds."""
        compared = list(map(comparable, cells))
        values = dict(zip(columns, compared, strict=True))
        if compared == cells:  # as nearly all rows are
            return cls(values, place, _SAME)
        pairs = zip(columns, cells, strict=True)
        return cls(values, place, {name: cell for name, cell in pairs if cell != values[name]})

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def as_written(self, column: str) -> str:
        """Return a value as it stands in the file, blanks and all."""
        return self.written.get(column, self.values[column])


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file.

    Args:
        columns: in order, as they are compared.
        header: the same as they are written.
        separator: what divides its values.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    header: tuple[str, ...]
    separator: str = ","


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
    text = read_text(path)
    separator, lines = _records(path, text, needs)
    lines = [(number, cells) for number, cells in lines if any(map(comparable, cells))]
    if not lines:
        raise DataError(f"{path} is empty; it needs the columns {listing(needs)}.")
    lines = _without_blank_ends(lines)
    columns = tuple(map(comparable, lines[0][1]))
    _check_columns(path, columns, needs)
    rows, ragged = [], []
    for number, cells in lines[1:]:
        place = f"{path.name} line {number}"
        if len(cells) != len(columns):
            ragged.append(f"{place}: {len(cells)} values for {len(columns)} columns")
            continue
        if guarded:
            cells = [from_spreadsheet(cell) for cell in cells]
        rows.append(Row.of(columns, cells, place))
    if ragged:
        why = _why_ragged([cells for _, cells in lines[1:]], len(columns))
        raise DataError(f"{path}: {why} (first: {ragged[0]})" if why else listed(str(path), ragged))
    if not rows:
        raise DataError(f"{path} has a header and no row.")
    return Table(columns, rows, tuple(lines[0][1]), separator)


def read_text(path: Path) -> str:
    """Return a table's text.

    Raises:
        DataError: there is no such file, or it is none: says what it is instead.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from None
    for beginning, what in _NO_TABLES.items():
        if data.lstrip()[: len(beginning)].lower() == beginning:
            raise DataError(f"{path} is {what}.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(not_utf8(path)) from None
    if "\0" in text and is_utf16(data):
        raise DataError(not_utf8(path))
    if "\0" in text:
        raise DataError(f"{path} is not text: it holds a NUL byte. Save it as 'CSV UTF-8' and run again.")
    return text


def _records(path: Path, text: str, needs: Sequence[str]) -> tuple[str, list[tuple[int, list[str]]]]:
    """Return what divides the values of a table, and its records, each with the line in which it ends.

    Raises:
        DataError: it is no CSV, or a quotation mark is never closed.
    """
    first, _, rest = text.partition("\n")
    said = re.fullmatch(r'\s*"?sep=(.)"?\s*', first)  # a line that Excel writes and reads
    before = 1 if said else 0
    text = rest if said else text
    separator = said[1] if said else _separator(text, needs)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=False, delimiter=separator)
        records = [(reader.line_num + before, cells) for cells in reader]
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}.") from None

    begins = records[-2][0] + 1 if len(records) > 1 else 1 + before
    last = text.splitlines()[begins - 1 - before :]
    if len(last) > 1 and "".join(last).count('"') % 2:
        raise DataError(f"{path}: a quotation mark in line {begins} is never closed.")
    return separator, records


def _separator(text: str, needs: Sequence[str]) -> str:
    """Return what divides the values: a comma unless another mark gives all that is needed, or more."""
    others = []
    for mark in _SEPARATORS:
        head = _head(text, mark)
        columns = head[0] if head else []
        whole = len(columns) > 1 and all(len(cells) == len(columns) for cells in head)
        if set(needs) <= set(columns) and (whole or (mark == "," and needs)):
            return mark
        others += [mark] * (whole and mark != ",")
    return others[0] if others else ","


def _head(text: str, separator: str) -> list[list[str]]:
    """Return the cells of the first records that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    records = ([comparable(cell) for cell in cells] for cells in reader)
    return list(islice((cells for cells in records if any(cells)), _LOOKED_AT))


def _without_blank_ends(lines: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Return records without the columns at their end in which nothing stands, as spreadsheets leave them."""
    used = 0  # columns
    for _, cells in lines:
        while len(cells) > used and not all(not comparable(cell) for cell in cells[used:]):
            used += 1
    return [(number, cells[:used]) for number, cells in lines]


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
    for cells in (columns, *rows):
        writer.writerow([for_spreadsheet(c) if guarded and isinstance(c, str) else c for c in cells])
    write_text(path, out.getvalue())


def for_spreadsheet(cell: str) -> str:
    """Return a cell with an apostrophe before what a spreadsheet would run as a formula, such as ``=1+1``.

    Names of files and people come from anywhere. Numbers stay as they are.
    """
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

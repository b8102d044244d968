"""CSV files in and out: every value is text, every row knows its line, every id stays as it was."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.durable import write_text
from utils.errors import DataError, listed, unknown_name

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Row:
    """One row's values by column, spaces around them removed, and where it stands."""

    values: Mapping[str, str]
    place: str

    def __getitem__(self, column: str) -> str:
        return self.values[column]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: its columns in order and its rows."""

    columns: tuple[str, ...]
    rows: list[Row]


def read_table(path: Path, needs: Sequence[str], *, guarded: bool = False) -> Table:
    """Return the rows of a CSV file; blank lines are skipped, a BOM and CRLF are fine.

    Args:
        guarded: it is one that ``write_table`` wrote so, or a person after its example.

    Raises:
        DataError: the file is missing, empty, not UTF-8 text, lacks one of the columns that it ``needs``,
            or has rows with more or fewer values than columns (all of them are listed).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text. Save it as 'CSV UTF-8' and run again.") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from None
    if "\0" in text:
        raise DataError(f"{path} is not text: it holds a NUL byte. Save it as 'CSV UTF-8' and run again.")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=False)
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}.") from None
    lines = [(number, cells) for number, cells in lines if any(cells)]
    if not lines:
        raise DataError(f"{path} is empty; it needs the columns {', '.join(needs)}.")
    columns = tuple(lines[0][1])
    _check_columns(path, columns, needs)
    rows, ragged = [], []
    for number, cells in lines[1:]:
        place = f"{path.name} line {number}"
        if len(cells) != len(columns):
            ragged.append(f"{place}: {len(cells)} values for {len(columns)} columns")
            continue
        if guarded:
            cells = [from_spreadsheet(cell) for cell in cells]
        rows.append(Row(dict(zip(columns, cells, strict=True)), place))
    if ragged:
        raise DataError(listed(str(path), ragged))
    if not rows:
        raise DataError(f"{path} has a header and no row.")
    return Table(columns, rows)


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
        raise DataError(listed(str(path), sorted(problems)))

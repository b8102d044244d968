"""The records of a CSV file as they come: what divides their values, and in which line each ends."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from utils.encodings import is_utf16, not_utf8
from utils.errors import DataError
from utils.not_there import no_file
from utils.parquet_records import is_parquet, parquet_records
from utils.texts import comparable

CsvRecord = tuple[int, list[str]]  # the line in which it ends, and its cells
_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 20  # records that show what divides a table's values
_BEGINNING = 4096  # bytes that show what kind of file it is
# What a file begins with that is no table, and what it is.
_NO_TABLES = {
    b"version https://git-lfs": "a pointer of Git LFS, not the table itself: run 'git lfs pull' there",
    b"<!doctype html": "a web page: a download that needed a login, most likely. Download it again",
    b"<html": "a web page: a download that needed a login, most likely. Download it again",
    b"<table": "a table of a web page (HTML): open it with a spreadsheet and save it as 'CSV UTF-8'",
    b"<?xml": "an XML file: open it with a spreadsheet and save it as 'CSV UTF-8'",
    b"%pdf": "a PDF document, not the table itself",
    b"[{": "a JSON file: write its records as a CSV",
    b'{"': "a JSON file: write its records as a CSV",
    b"pk\x03\x04": "a zip archive or an Excel file: unpack it, or save it as 'CSV UTF-8'",
    b"par1": "a Parquet file: save it as CSV",
}
# A cell may hold a run-length mask or a whole text; the default of 131,072 characters is no limit of ours.
csv.field_size_limit(2**31 - 1)


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a table's text, without its byte order mark and with its line ends as they are.

    Raises:
        DataError: there is no such file, or it is none: says what it is instead.
    """
    try:
        if path.is_fifo():  # which would be waited for
            raise DataError(f"{path} is a pipe, and a table is read more than once: save it as a file.")

        with open(path, encoding="utf-8-sig", newline="") as file:
            beginning = bytes(file.buffer.read(_BEGINNING)).lstrip().lower()
            for start, what in _NO_TABLES.items():
                if beginning.startswith(start):
                    raise DataError(f"{path} is {what}.")
            file.seek(0)
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(no_file(path)) from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(not_utf8(path)) from None


def read_text(path: Path) -> str:
    """Return a table's text.

    Raises:
        DataError: there is no such file, or it is none: says what it is instead.
    """
    with opened(path) as file:
        return "".join(_without_nul(path, file))


def separator_of(path: Path, needs: Sequence[str]) -> str:
    """Return what divides the values: a comma unless another mark gives all that is needed, or more.

    Raises:
        DataError: it is no text, see ``opened``.
    """
    if is_parquet(path):
        return ","
    with opened(path) as file:
        if named := _excels(next(_without_nul(path, file), "")):
            return named

    others = []
    for mark in _SEPARATORS:
        head = _head(path, mark)
        columns = head[0] if head else []
        whole = len(columns) > 1 and all(len(cells) == len(columns) for cells in head)
        if set(needs) <= set(columns) and (whole or (mark == "," and needs)):
            return mark
        others += [mark] * (whole and mark != ",")
    return others[0] if others else ","


def records(path: Path, separator: str) -> Iterator[CsvRecord]:
    """Yield the records of a table, each with the line in which it ends; nothing else of it is kept.

    Raises:
        DataError: it is no CSV, or a quotation mark is never closed.
    """
    if is_parquet(path):
        yield from parquet_records(path)
        return
    with opened(path) as file:
        lines = _without_nul(path, file)
        first = next(lines, "")
        skipped = 1 if _excels(first) else 0
        last: list[str] = []  # lines of the record that is being read
        kept = _kept(lines if skipped else chain([first], lines), last)
        is_open, begins = False, 0

        try:
            reader = csv.reader(kept, strict=False, delimiter=separator)
            for cells in reader:
                ends = reader.line_num + skipped
                # A mark that nothing closes takes all lines that are left, so it is in the last record.
                is_open, begins = len(last) > 1 and "".join(last).count('"') % 2 == 1, ends - len(last) + 1
                yield ends, cells
                last.clear()
        except csv.Error as error:
            raise DataError(f"{path} is not a CSV file: {error}.") from None
        if is_open:
            raise DataError(f"{path}: a quotation mark in line {begins} is never closed.")


def _kept(lines: Iterator[str], last: list[str]) -> Iterator[str]:
    for line in lines:
        last.append(line)
        yield line


def _without_nul(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            if is_utf16(path.read_bytes()):
                raise DataError(not_utf8(path))
            raise DataError(f"{path} is not text: it holds a NUL byte. Save it as 'CSV UTF-8' and run again.")
        yield line


def _excels(line: str) -> str:
    """Return the separator that a file's first line names, as Excel writes and reads it; "": none."""
    named = re.fullmatch(r'\s*"?sep=(.)"?\s*', line)
    return named[1] if named else ""


def _head(path: Path, separator: str) -> list[list[str]]:
    """Return the cells of the first records that are not blank."""
    with opened(path) as file:
        reader = csv.reader(_without_nul(path, file), delimiter=separator)
        records = ([comparable(cell) for cell in cells] for cells in reader)
        return list(islice(filter(any, records), _LOOKED_AT))

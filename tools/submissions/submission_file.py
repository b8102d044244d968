"""A submission's file that anybody may have made, held against the template: every problem at once."""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from dataset.readers.eval_base import EvalDataset
from dataset.tasks.base import Task
from inference.written import Written
from utils.csv_records import opened
from utils.errors import DataError, closest, listed
from utils.shortened import listing
from utils.texts import comparable

_LINES = 3  # lines that are named for each problem; the rest is counted
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_INDEX = ("", "index", "Unnamed: 0")  # what pandas calls the column that nobody asked for


def read_submission(path: Path, images: EvalDataset, task: Task) -> list[dict[str, str]]:
    """Return the rows, as texts are compared, of a file that is exactly what the organiser asks for.

    Args:
        images: have the template's columns, ids and order.

    Raises:
        DataError: lists all that is wrong with the text, the columns, the ids, their order and the values.
    """
    text = _Text.of(path)
    whole = [(line, row) for line, row in text.rows if len(row) == len(text.header)]
    ragged = [line for line, row in text.rows if len(row) != len(text.header)]
    problems = [*text.problems, *_columns(text.header, images.header)]
    if ragged:
        problems.append(f"another number of values than the {len(text.header)} columns{_on(ragged)}")

    rows = [(line, dict(zip(text.header, row, strict=True))) for line, row in whole]
    written = Written.of(task, images)
    keys = written.key_columns
    if set(keys) <= set(text.header):
        told = [(line, ", ".join(row[key] for key in keys)) for line, row in rows]
        problems += _ids(told, written.keys, len(text.rows))
    problems += _values(rows, images.header[1:], written)
    if problems:
        raise DataError(listed(str(path), problems))
    return written.by_image([_comparable(row) for _, row in rows])


def _comparable(row: dict[str, str]) -> dict[str, str]:
    return {comparable(name): comparable(value) for name, value in row.items()}


@dataclass(frozen=True, slots=True)
class _Text:
    """A file's header and rows, each with its line; nothing is stripped or mended."""

    header: list[str]
    rows: list[tuple[int, list[str]]]
    problems: list[str]

    @classmethod
    def of(cls, path: Path) -> "_Text":
        problems = []
        with opened(path):  # which says what is no table at all
            text = path.read_bytes().decode("utf-8")
        if text.startswith(_BOM):
            problems.append("a BOM at its beginning: judges take it for a part of the first column's name")
            text = text.removeprefix(_BOM)

        first = text.partition("\n")[0]
        between = "," if "," in first else next((mark for mark in ";\t" if mark in first), ",")
        if between != ",":
            problems.append(f"{between!r} between its values, where a comma belongs")

        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=between)
            lines = [(reader.line_num, row) for row in reader if row]
        except csv.Error as error:
            raise DataError(f"{path} is not a CSV file: {error}.") from None
        if not lines:
            raise DataError(f"{path} is empty.")
        return cls(lines[0][1], lines[1:], problems)


def _on(lines: Sequence[int]) -> str:
    """Return where something is, in words."""
    named, more = ", ".join(map(str, lines[:_LINES])), len(lines) - _LINES
    return f" (line {named}{f' and {more} more' if more > 0 else ''})"


def _columns(header: Sequence[str], columns: Sequence[str]) -> list[str]:
    if tuple(header) == tuple(columns):
        return []
    problems = []
    others = [name for name in header if name not in columns]
    for name in columns:
        if name not in header:
            near = closest(name, others)
            problems.append(f"no column {name!r}" + (f", but {near!r}" if near else ""))
    for name in others:
        hint = ": an index; write it with index=False" if name in _INDEX else ""
        problems.append(f"a column {name!r} that the template lacks{hint}")
    problems += [f"column {name!r} twice" for name, count in Counter(header).items() if count > 1]
    return problems or [f"the columns {listing(header)} in another order than {listing(columns)}"]


def _ids(written: Sequence[tuple[int, str]], ids: Sequence[str], count: int) -> list[str]:
    """Return what is wrong with the ids of lines, and with the count of all rows."""
    lines = defaultdict(list)
    for line, name in written:
        lines[name].append(line)
    problems = []
    if count != len(ids):
        problems.append(f"{count} rows where the template has {len(ids)}")

    known = set(ids)
    unknown = [name for name in lines if name not in known]
    missing = [name for name in ids if name not in lines]
    twice = [name for name in lines if len(lines[name]) > 1][: 2 * _LINES]  # not thousands of problems
    problems += [f"id {name!r} {len(lines[name])} times{_on(lines[name])}" for name in twice]
    if unknown:
        where = _on([lines[name][0] for name in unknown])
        named = f"{', '.join(map(repr, unknown[:_LINES]))}{where}"
        problems.append(f"{len(unknown)} ids that the template lacks: {named}{_meant(unknown, ids)}")
    if missing:
        named = ", ".join(map(repr, missing[:_LINES]))
        problems.append(f"{len(missing)} of the template's ids missing: {named}")

    if not problems:
        displaced = [line for (line, name), wanted in zip(written, ids, strict=True) if name != wanted]
        if displaced:
            problems.append(f"the template's ids in another order{_on(displaced)}")
    return problems


def _meant(unknown: Sequence[str], ids: Iterable[str]) -> str:
    """Return which change makes an unknown id one of the template's, if an obvious one does."""
    by_stem = {PurePath(name).stem: name for name in ids}
    name = unknown[0]
    stem = PurePath(name.strip()).stem
    return f": is {name!r} {by_stem[stem]!r}?" if stem in by_stem else ""


def _values(
    rows: Sequence[tuple[int, dict[str, str]]], columns: Sequence[str], written: Written
) -> list[str]:
    wrong = defaultdict(list)
    for column in columns:
        checked: dict[str, str | None] = {}  # each different value is looked at once

        for line, row in rows:
            if column not in row:
                break
            value = row[column]
            if value not in checked:
                problem = written.wrong_value(column, value)
                checked[value] = (
                    problem and f"{column} = {value!r} {problem}{_better(written, column, value)}"
                )
            if message := checked[value]:
                wrong[message].append(line)
    return [f"{message}{_on(lines)}" for message, lines in wrong.items()]


def _better(written: Written, column: str, value: str) -> str:
    """Return what to write instead, where that is plain."""
    whole = re.fullmatch(r"\s*(\d+)\.0*\s*", value)
    meant = whole[1] if whole else value.strip()
    return f": write {meant}" if meant != value and written.wrong_value(column, meant) is None else ""

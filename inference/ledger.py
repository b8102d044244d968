"""submissions.csv: a line for each submission that was made, and what the leaderboard said of it.

A team commits it. Two branches that each added lines are merged by git (``.gitattributes``: both sides stay);
a line that one of them filled in is then there twice, and read as one.
"""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from utils.durable import lock, make_folder
from utils.errors import ConfigError, DataError, listed
from utils.tables import Row, read_table, write_table

NAME = "submissions.csv"
SHORTEST = 4  # characters of a hash that name a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A submission: what is known of the file, the team's own score, and what the organiser said."""

    when: str  # UTC, as 2026-11-25T15:43:36Z
    file: str  # from the ledger's folder, if it lies in there
    sha256: str
    runs: str = ""  # the folders that it was predicted with
    commit: str = ""  # of the code that trained the first of them
    score: str = ""  # which one: ``out-of-fold macro_f1``
    own: float | None = None
    low: float | None = None  # ends of its 95 % interval
    high: float | None = None
    rows: int
    public: float | None = None
    private: float | None = None
    note: str = ""

    @property
    def short(self) -> str:
        """The beginning of the hash, as it is shown."""
        return self.sha256[:8]


COLUMNS = tuple(field.name for field in fields(Entry))
_GIVEN = ("public", "private")  # by the leaderboard


def now() -> str:
    """Return the time as an entry has it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def one_line(text: str) -> str:
    """Return a note as one line, so that an entry is one."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file of all submissions; every change is made whole, under a lock, or not at all."""

    path: Path

    @classmethod
    def beside(cls, runs: Path) -> "Ledger":
        """Return the ledger of a folder of runs: it lies next to that folder."""
        return cls(runs.absolute().parent / NAME)

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first; none where there is no file yet.

        Raises:
            DataError: lists every line that can't be read as it was meant.
        """
        return sorted(self._read(), key=lambda entry: datetime.fromisoformat(entry.when))

    def add(self, entry: Entry) -> bool:
        """Add a line, unless one has the same hash; return whether it is new.

        Raises:
            DataError: as ``entries``; the file stays as it is.
        """
        with self._changing() as found:
            known = any(other.sha256 == entry.sha256 for other in found)
            if not known:
                found.append(replace(entry, note=one_line(entry.note)))
        return not known

    def fill(self, sha256: str, **values: float | str | None) -> tuple[Entry, Entry]:
        """Put ``public``, ``private`` or ``note`` into the line with this hash; return it before and after.

        Args:
            values: None leaves what is there.

        Raises:
            DataError: as ``entries``; the file stays as it is.
            ConfigError: no line has this hash.
        """
        given: dict[str, Any] = {
            key: one_line(value) if isinstance(value, str) else value
            for key, value in values.items()
            if value is not None
        }
        with self._changing() as found:
            places = [place for place, entry in enumerate(found) if entry.sha256 == sha256]
            if not places:
                raise ConfigError(f"{self.path} has no submission with the hash {sha256[:8]}.")
            before = found[places[0]]
            found[places[0]] = after = replace(before, **given)
        return before, after

    def named(self, beginning: str) -> Entry:
        """Return the entry whose hash begins so.

        Raises:
            ConfigError: there is none, or more than one.
            DataError: as ``entries``.
        """
        entries = self.entries()
        found = [entry for entry in entries if entry.sha256.startswith(beginning.lower())]
        if len(found) == 1 and len(beginning) >= SHORTEST:
            return found[0]
        known = "\n".join(f"  {entry.short}  {entry.file}" for entry in found or entries) or "  none"
        what = "more than one submission" if len(found) > 1 else "no submission"
        if found and len(beginning) < SHORTEST:
            what = f"fewer than {SHORTEST} characters of the hash of a submission"
        raise ConfigError(
            f"{beginning!r} is neither a file nor the beginning of one hash: it fits {what} of {self.path}:\n"
            f"{known}"
        )

    def where(self, file: Path) -> str:
        """Return a path as an entry has it."""
        file = file.absolute()
        here = self.path.parent
        return (file.relative_to(here) if file.is_relative_to(here) else file).as_posix()

    @contextmanager
    def _changing(self) -> Iterator[list[Entry]]:
        """Give out the entries in the file's order to be changed, and write them if they were."""
        make_folder(self.path.parent)
        with lock(self.path.with_name(f".{NAME}.lock"), wait=True):
            entries = self._read()
            before = list(entries)
            yield entries
            if entries != before:
                write_table(self.path, COLUMNS, map(_texts, entries))

    def _read(self) -> list[Entry]:
        if not self.path.exists():
            return []
        try:
            table = read_table(self.path, COLUMNS, guarded=True)
            problems = [f"column {name!r} is not its own" for name in table.columns if name not in COLUMNS]
            entries = [_entry(row, problems) for row in table.rows]
            joined = _joined(table.rows, [entry for entry in entries if entry], problems)
            if problems:
                raise DataError(listed(str(self.path), problems))
        except DataError as error:
            raise DataError(f"{error}\n{self._advice()}") from None
        return joined

    def _advice(self) -> str:
        """Return what to do about a file that can't be read, by what it looks like."""
        start = self.path.read_bytes()[:4096]
        header = start.splitlines()[0] if start else b""
        advice = "It was not changed. Mend these lines, or take the file back from git."
        if b"when;" in header or b"when\t" in header:
            advice += " A program for spreadsheets saved it without commas: save it as 'CSV UTF-8'."
        if re.search(rb"^(<<<<<<<|=======|>>>>>>>)", self.path.read_bytes(), re.MULTILINE):
            advice += " It holds a conflict of git: keep the lines of both sides, delete the marks."
        return advice


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        hint = f": write {text.replace(',', '.')}" if re.fullmatch(r"-?\d+,\d+", text) else ""
        raise ValueError(f"{text!r} is not a number{hint}") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


def _time(text: str) -> str:
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise ValueError(f"{text!r} is not a time such as 2026-11-25T15:43:36Z")
    return text


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError(f"{text!r} is not a hash: 64 of 0 to 9 and a to f")
    return text


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise ValueError(f"{text!r} is not a count of rows")
    return int(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "when": _time, "sha256": _sha256, "rows": _count,
    **dict.fromkeys(("own", "low", "high", *_GIVEN), _number),
}  # fmt: skip


def _entry(row: Row, problems: list[str]) -> Entry | None:
    """Return a row's entry, or add what is wrong with it to ``problems``."""
    values, before = {}, len(problems)
    for column in COLUMNS:
        try:
            values[column] = _READERS.get(column, str)(row[column])
        except ValueError as error:
            problems.append(f"{row.place}: {column} = {error}")
    return Entry(**values) if len(problems) == before else None


def _joined(rows: list[Row], entries: list[Entry], problems: list[str]) -> list[Entry]:
    """Return one entry for each hash; lines of one hash fill one another, or contradict."""
    found: dict[str, Entry] = {}
    for entry in entries:
        first = found.setdefault(entry.sha256, entry)
        if first is entry:
            continue
        places = " and ".join(row.place for row in rows if row["sha256"] == entry.sha256)
        for name in _GIVEN:
            one, other = getattr(first, name), getattr(entry, name)
            if None not in (one, other) and one != other:
                problems.append(f"{places} give one file two {name} scores: {one:g} and {other:g}")
        notes = dict.fromkeys(filter(None, (first.note, entry.note)))
        given = {n: getattr(entry, n) if getattr(first, n) is None else getattr(first, n) for n in _GIVEN}
        found[entry.sha256] = replace(first, **given, note="; ".join(notes))
    return list(found.values())


def _texts(entry: Entry) -> list[str]:
    values = [getattr(entry, column) for column in COLUMNS]
    return [
        "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
        for value in values
    ]

"""submissions.csv: a line for each submission that was made, and what the leaderboard said of it.

A team commits it. Two branches that each added lines are merged by git (``.gitattributes``: both sides stay);
a line that one of them filled in is then there twice, and read as one.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.submissions.entry import (
    COLUMNS,
    GIVEN,
    NEWER,
    Competition,
    Entry,
    moment,
    one_line,
    read_entry,
    texts_of,
)
from utils.durable import lock, make_folder
from utils.errors import ConfigError, DataError, listed
from utils.tables import Row, read_table, write_table

log = logging.getLogger("podium")
NAME = "submissions.csv"
SHORTEST = 4  # characters of a hash that name a file


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file of all submissions; every change is made whole, under a lock, or not at all."""

    path: Path

    def competition(self, data: Path, rows: Sequence[Mapping[str, str]]) -> Competition:
        """Return the competition whose data is in a folder and asks for these rows, the id first."""
        columns = list(rows[0])
        asked = json.dumps([columns, [row[columns[0]] for row in rows]])
        return Competition(self.where(data), hashlib.sha256(asked.encode()).hexdigest()[:12])

    def alike(self, first: Competition, second: Competition) -> bool:
        """Tell whether two competitions are one: the same template, and not two folders that are both here.

        A folder that is not here is another machine's name for the data. An entry of old, which doesn't say
        its competition, may be of any.
        """
        if not first.template or not second.template:
            return True
        return first.template == second.template and not self._apart(first.data, second.data)

    def _apart(self, first: str, second: str) -> bool:
        here = self.path.parent
        return first != second and (here / first).is_dir() and (here / second).is_dir()

    def by_competition(self) -> list[list[Entry]]:
        """Return the entries of each competition; those of old are with the only one, or by themselves.

        Raises:
            DataError: as ``entries``.
        """
        competitions: list[list[Entry]] = []
        unknown = []
        for entry in self.entries():
            if not entry.template:
                unknown.append(entry)
                continue
            same = (known for known in competitions if self.alike(known[0].competition, entry.competition))
            competition = next(same, None)
            if competition is None:
                competitions.append([entry])
            else:
                competition.append(entry)

        if len(competitions) == 1 and unknown:
            return [sorted([*unknown, *competitions[0]], key=moment)]
        return ([unknown] if unknown else []) + competitions

    @classmethod
    def beside(cls, runs: Path) -> "Ledger":
        """Return the ledger of a folder of runs: it lies next to that folder."""
        return cls(runs.absolute().parent / NAME)

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first; none where there is no file yet.

        Raises:
            DataError: lists every line that can't be read as it was meant.
        """
        return sorted(self._read(), key=moment)

    def add(self, entry: Entry) -> bool:
        """Add a line, unless one of the same competition has the same hash; return whether it is new.

        Raises:
            DataError: as ``entries``; the file stays as it is.
        """
        with self._changing() as entries:
            known = any(self._same_file(other, entry) for other in entries)
            if not known:
                entries.append(replace(entry, note=one_line(entry.note)))
        return not known

    def fill(
        self, sha256: str, competition: Competition | None = None, **values: float | str | None
    ) -> tuple[Entry, Entry]:
        """Put ``public``, ``private`` or ``note`` into the line with this hash; return it before and after.

        Args:
            competition: whose line, where several have a file with this hash.
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

        with self._changing() as entries:
            lines = [
                line
                for line, entry in enumerate(entries)
                if entry.sha256 == sha256
                and (competition is None or self.alike(entry.competition, competition))
            ]
            if not lines:
                raise ConfigError(f"{self.path} has no submission with the hash {sha256[:8]}.")
            before = entries[lines[0]]
            entries[lines[0]] = after = replace(before, **given)
        return before, after

    def named(self, beginning: str, data: Path | None = None) -> Entry:
        """Return the entry whose hash begins so; of several with one hash that of the data in a folder.

        Raises:
            ConfigError: there is none, or more than one.
            DataError: as ``entries``.
        """
        entries = self.entries()
        fitting = [entry for entry in entries if entry.sha256.startswith(beginning.lower())]
        if data is not None and len({entry.sha256 for entry in fitting}) == 1:
            fitting = [entry for entry in fitting if entry.data == self.where(data)] or fitting
        if len(fitting) == 1 and len(beginning) >= SHORTEST:
            return fitting[0]

        if not entries:
            raise ConfigError(
                f"{beginning!r} is neither a file nor the beginning of one hash: {self.path} lists no "
                "submission yet."
            )
        known = "\n".join(f"  {entry.short}  {entry.file}" for entry in fitting or entries)
        if fitting and len(beginning) < SHORTEST:
            raise ConfigError(
                f"{beginning!r} is too short: write {SHORTEST} characters of a hash or more. Those of "
                f"{self.path} that begin so:\n{known}"
            )
        what = "more than one submission" if len(fitting) > 1 else "no submission"
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
                if not self.path.exists():  # there may have been one, which was lost
                    log.info("\nThere was no %s yet: it is made anew.", self.path)
                write_table(self.path, COLUMNS, map(texts_of, entries))

    def _read(self) -> list[Entry]:
        if not self.path.exists():
            return []
        try:
            table = read_table(self.path, [name for name in COLUMNS if name not in NEWER], guarded=True)
            problems = [f"column {name!r} is not its own" for name in table.columns if name not in COLUMNS]
            if table.separator != ",":
                problems.append(f"{table.separator!r} divides its values, where commas belong")
            entries = [read_entry(row, problems) for row in table.rows]
            joined = self._joined(list(table.rows), [entry for entry in entries if entry], problems)
            if problems:
                raise DataError(listed(str(self.path), problems))
        except DataError as error:
            raise DataError(f"{error}\n{self._advice()}") from None
        return joined

    def _same_file(self, first: Entry, second: Entry) -> bool:
        return first.sha256 == second.sha256 and self.alike(first.competition, second.competition)

    def _joined(self, rows: list[Row], entries: list[Entry], problems: list[str]) -> list[Entry]:
        """Return one entry for each file of a competition; its lines fill one another, or contradict."""
        joined: list[Entry] = []
        for entry in entries:
            same = [number for number, other in enumerate(joined) if self._same_file(other, entry)]
            if not same:
                joined.append(entry)
                continue
            first = joined[same[0]]
            lines = " and ".join(row.line for row in rows if row["sha256"] == entry.sha256)
            problems += [f"{lines} give one file two {words}" for words in _contradictions(first, entry)]
            joined[same[0]] = _filled(first, entry)
        return joined

    def _advice(self) -> str:
        """Return what to do about a file that can't be read, by what it looks like."""
        advice = "It was not changed. Mend these lines, or take the file back from git."
        try:
            data = self.path.read_bytes()
        except OSError:  # which its reader has said
            return "Move what is there away, and take the file back from git."
        header = next(iter(data[:4096].splitlines()), b"")
        if b"when;" in header or b"when\t" in header:
            advice += " A program for spreadsheets saved it without commas: save it as 'CSV UTF-8'."
        if re.search(rb"^(<<<<<<<|=======|>>>>>>>)", data, re.MULTILINE):
            advice += " It holds a conflict of git: keep the lines of both sides, delete the marks."
        return advice


def _contradictions(first: Entry, second: Entry) -> Iterator[str]:
    """Yield which scores two lines about one file say differently."""
    for name in GIVEN:
        scores = getattr(first, name), getattr(second, name)
        if None not in scores and scores[0] != scores[1]:
            yield f"{name} scores: {scores[0]:g} and {scores[1]:g}"


def _filled(first: Entry, second: Entry) -> Entry:
    """Return a line with what only another one about the same file says, and the notes of both."""
    given = {
        name: getattr(second, name) if getattr(first, name) is None else getattr(first, name)
        for name in GIVEN
    }
    known = {name: getattr(first, name) or getattr(second, name) for name in NEWER}
    notes = dict.fromkeys(filter(None, (first.note, second.note)))
    return replace(first, **given, **known, note="; ".join(notes))

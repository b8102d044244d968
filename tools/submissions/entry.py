"""A line of submissions.csv: one submission, as values and as text."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from experiment.score_words import LOWER
from utils.tables import Row


@dataclass(frozen=True, slots=True)
class Competition:
    """What keeps the submissions of two competitions apart."""

    data: str
    template: str


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
    data: str = ""  # the competition's folder, from the ledger's if it lies in there
    template: str = ""  # a digest of the columns and ids that it asks for; nothing in lines of old

    @property
    def competition(self) -> Competition:
        """Of which competition it is."""
        return Competition(self.data, self.template)

    @property
    def lower(self) -> bool:
        """Whether less of its score is better."""
        return self.score.endswith(LOWER)

    @property
    def short(self) -> str:
        """The beginning of the hash, as it is shown."""
        return self.sha256[:8]


COLUMNS = tuple(field.name for field in fields(Entry))
NEWER = ("data", "template")  # columns that older files lack
GIVEN = ("public", "private")  # by the leaderboard


def now() -> str:
    """Return the time as an entry has it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(entry: Entry) -> datetime:
    """Return when it was made, to sort by."""
    return datetime.fromisoformat(entry.when)


def one_line(text: str) -> str:
    """Return a note as one line, so that an entry is one."""
    return " ".join(text.split())


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


def _template(text: str) -> str:
    if not re.fullmatch(r"([0-9a-f]{12})?", text):
        raise ValueError(f"{text!r} is not a template's digest: 12 of 0 to 9 and a to f, or nothing")
    return text


def _text(text: str) -> str:
    """Return a text that a person may have written, in which a program for spreadsheets broke lines."""
    if strange := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text):
        raise ValueError(f"{text!r} holds {strange[0]!r}, which nobody writes")
    return text


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise ValueError(f"{text!r} is not a count of rows")
    return int(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "when": _time, "sha256": _sha256, "rows": _count, "template": _template,
    **dict.fromkeys(("own", "low", "high", *GIVEN), _number),
}  # fmt: skip


def read_entry(row: Row, problems: list[str]) -> Entry | None:
    """Return a row's entry, or add what is wrong with it to ``problems``."""
    values, before = {}, len(problems)
    for column in COLUMNS:
        try:
            values[column] = _READERS.get(column, _text)(row.values.get(column, ""))
        except ValueError as error:
            problems.append(f"{row.line}: {column} = {error}")
    return Entry(**values) if len(problems) == before else None


def texts_of(entry: Entry) -> list[str]:
    """Return the cells of its line."""
    values = [getattr(entry, column) for column in COLUMNS]
    return [
        "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
        for value in values
    ]

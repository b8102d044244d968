"""The errors that a user can cause, each with its exit code; everything else is our bug and stays loud."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

_MOST_SHOWN = 30  # problems listed in one error; the rest is counted

_OF_A_KIND, _NEARLY_ALL = 3, 0.9
_SAME, _MOST_LINES = 3, 20  # equal problems from which on they are one, with so many line numbers
_MOST_NAMES = 60  # such as all models, but not a score of each of 5,000 labels
_LINE = re.compile(r"(.{1,300}?) line (\d+): (.*)", re.DOTALL)


class PodiumError(Exception):
    """A message for the user instead of a traceback; ``exit_code`` is the process's."""

    exit_code = 1
    way_on = ""  # the command that goes on from here, if there is one

    @property
    def name(self) -> str:
        return type(self).__name__


class ConfigError(PodiumError, ValueError):
    """The config or the command line is wrong."""

    exit_code = 2


class DataError(PodiumError, ValueError):
    """The data folder holds something that can't be used as it is."""

    exit_code = 3


class ResumableStop(PodiumError):
    """Training stopped before its end and everything up to the last checkpoint is kept."""

    exit_code = 4


class WriteFailed(ResumableStop):
    """A file can't be written, most likely because the disk is full; what was there before is whole."""


class Diverged(ResumableStop):
    """The loss is no longer a number: going on would only repeat that."""


def listed(summary: str, problems: Sequence[str]) -> str:
    """Return ``summary`` and the problems below it, one a line, at most 30 of them.

    Where there are more and nearly all are of one kind, three of that kind stand for it.
    """
    lines = [f"{summary} has {len(problems)} problem(s):"]
    problems = _gathered(problems)
    if len(problems) > _MOST_SHOWN:
        kinds = Counter(map(_kind, problems))
        kind, count = kinds.most_common(1)[0]
        if count >= _NEARLY_ALL * len(problems):
            alike = [problem for problem in problems if _kind(problem) == kind]
            problems = [problem for problem in problems if _kind(problem) != kind]
            lines += [f"  - {problem}" for problem in alike[:_OF_A_KIND]]
            lines.append(f"  ... and {count - _OF_A_KIND} more of this kind")
    lines += [f"  - {problem}" for problem in problems[:_MOST_SHOWN]]
    if len(problems) > _MOST_SHOWN:
        lines.append(f"  ... and {len(problems) - _MOST_SHOWN} more")
    return "\n".join(lines)


def _gathered(problems: Sequence[str]) -> list[str]:
    """Return problems, those that several lines of a table share as one with the lines' numbers."""
    numbers: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        table, number, what = line.groups() if (line := _LINE.fullmatch(problem)) else ("", "", problem)
        numbers.setdefault((table, what), []).append(number)
    gathered = []
    for (table, what), several in numbers.items():
        if not table:
            gathered += [what] * len(several)
        elif len(several) < _SAME:
            gathered += [f"{table} line {number}: {what}" for number in several]
        else:
            more = f" and {len(several) - _MOST_LINES} more" if len(several) > _MOST_LINES else ""
            gathered.append(f"{table} lines {', '.join(several[:_MOST_LINES])}{more}: {what}")
    return gathered


def _kind(problem: str) -> str:
    """Return a problem without what is different in each of its kind: quoted texts, paths and numbers."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\S*/\S*|\d+", "*", problem)


def closest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that looks most like ``name`` (letter case aside), or None."""
    by_folded = {option.casefold(): option for option in valid}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else None


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> str:
    """Return one line that names the bad value, the closest valid name and all of them, of many the first."""
    options = sorted(valid)
    near = closest(name, options)
    hint = f" Did you mean {near!r}?" if near else ""
    shown = ", ".join(options[:_MOST_NAMES]) or "(none)"
    more = f", ... and {len(options) - _MOST_NAMES} more" if len(options) > _MOST_NAMES else ""
    return f"Unknown {kind} {name!r}.{hint} Valid names: {shown}{more}."

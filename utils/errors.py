"""The errors that a user can cause, each with its exit code; everything else is our bug and stays loud."""

import difflib
from collections.abc import Iterable, Sequence

_MOST_SHOWN = 30  # problems listed in one error; the rest is counted


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
    """Return ``summary`` and the problems below it, one a line, at most 30 of them."""
    lines = [f"{summary} has {len(problems)} problem(s):"]
    lines += [f"  - {problem}" for problem in problems[:_MOST_SHOWN]]
    if len(problems) > _MOST_SHOWN:
        lines.append(f"  ... and {len(problems) - _MOST_SHOWN} more")
    return "\n".join(lines)


def closest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that looks most like ``name`` (letter case aside), or None."""
    by_folded = {option.casefold(): option for option in valid}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> str:
    """Return one line that names the bad value, the closest valid name and all of them."""
    options = sorted(valid)
    near = closest(name, options)
    hint = f" Did you mean {near!r}?" if near else ""
    return f"Unknown {kind} {name!r}.{hint} Valid names: {', '.join(options) or '(none)'}."

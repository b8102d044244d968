"""Commands that are printed for the user to paste into a shell."""

import shlex
from pathlib import Path


def podium(*arguments: str | Path) -> str:
    """Return ``python run.py`` with these arguments, each quoted where a shell would tear it apart."""
    return shlex.join(["python", "run.py", *map(str, arguments)])


def quoted(path: str | Path) -> str:
    """Return a path as it stands in a command."""
    return shlex.quote(str(path))

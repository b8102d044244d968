"""Whose a run is, where it does not say so itself: who committed it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.runs.facts import RunFacts
from utils.printable import printable

_SECONDS = 10  # that git may take


def name_authors(runs: Sequence[RunFacts], root: Path) -> None:
    """Fill in who committed the runs below a root, with one question to git."""
    if all(run.who for run in runs):
        return
    authors = _authors(root)
    for run in runs:
        below = Path(run.path).absolute().relative_to(root.absolute()).as_posix()
        run.who = run.who or authors.get(below, "")


def _authors(root: Path) -> dict[str, str]:
    """Return who added the folder of each run that is committed, by its path below a root."""
    command = ["git", "-C", str(root), "-c", "core.quotePath=off", "log", "--relative", "--diff-filter=A"]
    command += ["--name-only", "--format=%x00%an", "--", "*environment.json"]
    try:
        log = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    authors: dict[str, str] = {}
    for commit in log.decode("utf-8", "replace").split("\0"):  # newest first
        author, *paths = commit.splitlines() or [""]
        for path in filter(None, paths):
            authors[Path(path).parent.as_posix()] = printable(author)
    return authors

"""What git says of the sources that a process has imported."""

import subprocess
from functools import cache
from pathlib import Path


@cache  # each run of folds asks; what was imported stays as it was
def git(folder: Path, *words: str) -> str | None:
    """Return what ``git`` with these words prints in a folder, None where it can't; asked only once."""
    command = ["git", *words]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

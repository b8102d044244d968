"""What to say where this Python lacks a package."""

import sys
import traceback
from pathlib import Path

from utils.command import quoted

_ROOT = Path(__file__).parents[1]


def not_installed(error: ModuleNotFoundError) -> str | None:
    """Return in a sentence which package is not installed; None: a module of our own is not there.

    Imports nothing that could be missing itself.
    """
    package = (error.name or "").partition(".")[0]
    if not package or (_ROOT / package).exists() or (_ROOT / f"{package}.py").exists():
        return None

    there = _ROOT / ".venv"
    if (there / "bin" / "python").exists() and Path(sys.prefix).resolve() != there.resolve():
        command = f". {quoted(there / 'bin' / 'activate')}"
        way = f"make run has put all that is needed into {there}: give {command} first."
    else:
        way = (
            "Install what is needed with: make run, or pip install -r requirements.txt, where what your own "
            "files import belongs too."
        )
    return f"{sys.executable} has no package {package!r}{_asked_by(error)}. {way}"


def _asked_by(error: ModuleNotFoundError) -> str:
    """Return which line of ours imports what is missing."""
    packages = Path(sys.prefix).resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if path.is_relative_to(_ROOT) and not path.is_relative_to(packages):
            return f", which {path.relative_to(_ROOT)} line {frame.lineno} imports"
    return ""

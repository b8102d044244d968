"""Paths whose names a file system spells in another way than they are written: a Mac's archive does."""

import os
import unicodedata
from pathlib import Path


def on_disk(path: Path) -> Path:
    """Return the path as it is spelt on disk where only the spelling differs, otherwise as it is."""
    if str(path).isascii() or os.path.lexists(path):
        return path
    reached = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        if os.path.lexists(reached / part):
            reached /= part
            continue
        spelt = _spelt(reached, part)
        if spelt is None:
            return path
        reached /= spelt
    return reached


def _spelt(folder: Path, name: str) -> str | None:
    """Return how a name is spelt in a folder; None: it is not there."""
    wanted = unicodedata.normalize("NFC", name)
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except (OSError, ValueError):  # there is no such folder, or no file system takes its name
        return None
    return next((entry for entry in names if unicodedata.normalize("NFC", entry) == wanted), None)

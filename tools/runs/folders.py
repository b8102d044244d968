"""Finds the folders of runs below a path: those of this project, or a teammate's."""

import os
from collections.abc import Iterator
from pathlib import Path

from experiment.run_folder import CONFIG, FINISHED, is_run
from utils.errors import ConfigError
from utils.not_there import no_folder

_ENVIRONMENT = "environment.json"
_DEEPEST = 4  # folders below the one that is named: runs/name/version/trial
_PASSED_OVER = ("checkpoints", "tensorboard", "review")


def run_folders(roots: list[Path]) -> dict[Path, Path]:
    """Return the folders of runs, whole or damaged, each with the root below which it lies.

    A member of a run over folds is a part of it and not listed.

    Raises:
        ConfigError: a root is no folder, or can't be read.
    """
    folders: dict[Path, Path] = {}
    for root in roots:
        runs = _runs_of(root)
        for folder in _below(runs, _DEEPEST):
            folders.setdefault(folder, runs)
    return folders


def _runs_of(path: Path) -> Path:
    """Return the folder of runs that a path means: itself, or ``runs`` in a clone of the project."""
    try:
        is_there = path.is_dir()
        clone = not is_run(path) and (path / "run.py").is_file() and (path / "runs").is_dir()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read: {error}.") from None
    if not is_there:
        raise ConfigError(f"{no_folder(path)} Name folders with runs, such as a teammate's clone.")
    return path / "runs" if clone else path


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the runs in a folder, by name; what can't be read holds none."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
        names = {entry.name for entry in inside}
        if _is_one(folder, names):
            yield folder
            return
        folders = [entry.name for entry in inside if entry.is_dir()]
    except OSError:
        return
    if depth:
        for name in folders:
            if not name.startswith(".") and name not in _PASSED_OVER:
                yield from _below(folder / name, depth - 1)


def _is_one(folder: Path, names: set[str]) -> bool:
    """Tell whether a folder is a run's, also of one of which something is missing."""
    if {CONFIG, _ENVIRONMENT} <= names:
        return True
    numbered = folder.name.isdigit() and names & {CONFIG, FINISHED, "checkpoints"}
    return bool(numbered) or _ENVIRONMENT in names

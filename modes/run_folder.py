"""A run's folder ``runs/<name>/<version>``: made once, locked while in use, found again."""

import errno
import logging
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from utils.durable import (
    lock,
    make_folder,
    make_new_folder,
    name_folder,
    remove_folder,
    remove_leftovers,
    sha256_of_text,
    write_json,
)
from utils.errors import ConfigError, DataError, WriteFailed
from utils.read_json import read_json

log = logging.getLogger("podium")
CONFIG = "config.ini"
FINISHED = "scores.json"  # written last: a run that has it is complete
_PACKAGES = ("torch", "torchvision", "timm", "numpy", "opencv-python-headless", "safetensors")


def create_run(runs: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Return a new folder ``runs/name/NNN`` with what ``fill`` writes; two processes never get the same.

    It gets its name when it is filled, so a kill never leaves a run without its config.
    """
    check_name(name)
    parent = runs / name
    make_folder(parent)
    with ExitStack() as stack:
        with lock(runs / ".lock", wait=True):
            _remove_unnamed(parent)
            partial = _new_folder(parent)
            stack.enter_context(held(partial))
        try:
            fill(partial)
            return _named(partial)
        finally:
            remove_folder(partial)  # which is there no longer if all went well


def _new_folder(parent: Path) -> Path:
    partial = parent / f".new-{secrets.token_hex(4)}"
    make_new_folder(partial)
    return partial


def _remove_unnamed(parent: Path) -> None:
    """Remove what killed processes left of runs that had not begun; who fills such a folder holds it."""
    for partial in parent.glob(".new-*"):
        with suppress(WriteFailed), lock(partial / ".lock", wait=False) as mine:
            if mine:
                remove_folder(partial)


def _named(partial: Path) -> Path:
    """Give a folder that is filled the next number; return it."""
    parent = partial.parent
    number = max((int(folder.name) for folder in parent.glob("*") if folder.name.isdigit()), default=0) + 1
    while True:
        folder = parent / f"{number:03d}"
        try:
            name_folder(partial, folder)  # refused where a folder with files in it has that name
        except WriteFailed as error:
            if getattr(error.__cause__, "errno", None) not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            number += 1
            continue
        return folder


def find_run(runs: Path, name: str, which: str | None, *, finished: bool) -> Path:
    """Return the run that ``which`` names by version or path, or the newest of ``name``.

    Args:
        finished: whether it must be a finished run, or one that still can be resumed.

    Raises:
        ConfigError: there is none; says which runs there are and what to do.
    """
    check_name(name)
    parent = runs / name
    versions = _versions(parent)
    if which is not None:
        named = [folder for folder in (Path(which), parent / which) if is_run(folder)]
        if not named:
            known = ", ".join(folder.name for folder in versions) or "none"
            raise ConfigError(
                f"There is no run {which!r}, neither as a path nor in {parent} (there: {known})."
            )
        versions = [named[0]]
    fitting = [folder for folder in versions if (folder / FINISHED).exists() == finished]
    if fitting:
        _warn_of_other_config(fitting[-1])
        return fitting[-1]
    state = {True: "finished", False: "unfinished"}
    there = ", ".join(f"{f.name} ({state[(f / FINISHED).exists()]})" for f in versions) or "no run"
    advice = (
        "Finish it with: python run.py --resume" if finished and versions else "Start one with: python run.py"
    )
    raise ConfigError(f"{parent} holds no {state[finished]} run (there: {there}). {advice}")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep every other process out of a run's folder while inside."""
    with lock(folder / ".lock", wait=False) as mine:
        if not mine:
            raise ConfigError(f"Another process is working in {folder}. Wait for it, or start a new run.")
        for inside in (folder, *(path for path in folder.iterdir() if path.is_dir() and not is_run(path))):
            remove_leftovers(inside)
        yield


def write_environment(folder: Path, facts: dict[str, Any]) -> None:
    """Keep what made this run: commit, versions, its config as written, machine, and ``facts``."""
    write_json(
        folder / "environment.json",
        {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": sys.argv,
            "commit": _git("rev-parse", "HEAD"),
            "uncommitted changes": bool(_git("status", "--porcelain", "--", ":!runs", ":!submissions.csv")),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in _PACKAGES},
            "config_sha256": sha256_of_text(folder / CONFIG),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            **facts,
        },
    )


def read_environment(folder: Path) -> dict[str, Any]:
    """Return what ``write_environment`` wrote."""
    return read_json(folder / "environment.json", "Bring it back from a copy, or start a new run.")


def _warn_of_other_config(folder: Path) -> None:
    """Say that a run's config is not the one that it was trained with: it may be edited, or damaged."""
    try:
        written = read_environment(folder).get("config_sha256")
    except DataError as error:  # who needs more of it than this refuses it
        log.warning("%s", error)
        return
    if written is not None and written != sha256_of_text(folder / CONFIG):
        log.warning(
            "%s was changed after the run began: what it says may not be what was trained.", folder / CONFIG
        )


def _versions(parent: Path) -> list[Path]:
    found = [folder for folder in parent.glob("*") if folder.name.isdigit() and is_run(folder)]
    return sorted(found, key=lambda folder: int(folder.name))


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a run, finished or not."""
    return (folder / "config.ini").is_file() and (folder / "environment.json").is_file()


def check_name(name: str) -> None:
    """Raise a ConfigError for a run's name that is not a folder's name."""
    if Path(name).name != name or name in (".", ".."):
        raise ConfigError(f"[run] name = {name!r} must be a folder's name, without / in it.")


def _git(*arguments: str) -> str | None:
    try:
        found = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()

"""A run's folder ``runs/<name>/<version>``: made once, locked while in use, found again."""

import difflib
import errno
import logging
import os
import platform
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiment.names import padded
from utils.command import podium
from utils.convert import FileName
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
from utils.forms import NOTHING, OBJECT, TEXT, Form, any_of, by_name, list_of
from utils.git import git
from utils.not_there import no_folder
from utils.read_json import read_json

log = logging.getLogger("podium")
CONFIG = "config.ini"
FINISHED = "scores.json"  # written last: a run that has it is complete
_ENVIRONMENT = "environment.json"
_FORM: Form = {
    "folder": TEXT,
    "commit": any_of(TEXT, NOTHING),
    "config_sha256": TEXT,
    "data": any_of(TEXT, by_name(TEXT)),
    "leak": list_of(OBJECT),
}
_MOST_SHOWN = 20  # names of runs in a message
_STATUS = ("status", "--porcelain", "--", ":!runs", ":!submissions.csv")
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
            return _numbered(partial)
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


def _numbered(partial: Path) -> Path:
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


def check_writable(runs: Path, name: str) -> None:
    """Raise a WriteFailed if no run of that name could be written, before anything else takes its time."""
    folder = runs / name
    way = (folder, *folder.absolute().parents)
    if any(path.is_symlink() and not path.exists() for path in way):
        raise WriteFailed(f"[paths] runs = {runs}: {no_folder(folder)}")
    above = next(path for path in way if path.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            return
    except OSError as error:
        raise WriteFailed(
            f"{above} can't be written: {error.strerror}. That is where [paths] runs = {runs} leads: name "
            "another folder there, or with PODIUM_RUNS, or --set paths.runs=..."
        ) from error


def find_run(runs: Path, name: str, which: str | None, *, finished: bool) -> Path:
    """Return the run that ``which`` names, or the newest of ``name``: the one way in which runs are named.

    Args:
        which: a path; a version of ``name``, such as 001; ``name/version``; a member of either
            (``001/fold-0``); or another name, which means its newest version.
        finished: whether it must be a finished run, or one that still can be resumed.

    Raises:
        ConfigError: there is none; says which runs there are and what to do.
    """
    check_name(name)
    parent, versions, damaged = _all_of(runs / name) if which is None else _named(runs, name, which)
    fitting = [folder for folder in versions if (folder / FINISHED).exists() == finished]
    if fitting:
        for folder, lacks in damaged.items():
            if int(folder.name) > int(fitting[-1].name):
                log.warning("%s is passed over: %s", folder, lacks)
        _warn_of_other_config(fitting[-1])
        return fitting[-1]

    state = {True: "finished", False: "unfinished"}
    there = ", ".join(f"{f.name} ({state[(f / FINISHED).exists()]})" for f in versions) or "no run"
    there = "; ".join([there, *(f"{folder.name} is none: {lacks}" for folder, lacks in damaged.items())])
    named: list[str | Path] = [] if which is None else ["--run", *versions[-1:]]
    go_on, advice = podium("--resume", *named), f"Start one with: {podium()}"
    if versions and finished:
        advice = f"Finish it with: {go_on}"
    elif versions:
        advice = f"A finished run is not trained again. {advice}"
    raise ConfigError(f"{parent} holds no {state[finished]} run (there: {there}). {advice}")


_Named = tuple[Path, list[Path], dict[Path, str]]  # a folder, its runs, newest last, and its damaged ones


def _all_of(parent: Path) -> _Named:
    return parent, _versions(parent), _damaged(parent)


def _named(runs: Path, name: str, which: str) -> _Named:
    """Return the folder that a text means, and the runs there: as a rule that one alone."""
    candidates = [Path(which).expanduser(), runs / name / which, runs / which, runs / name / padded(which)]
    try:
        for folder in candidates if which.strip() else ():
            if is_run(folder):
                return folder.parent, [folder], {}
        for folder in candidates[::2] if which.strip() else ():  # a name, or the path of a folder of runs
            if (there := _all_of(folder))[1:] != ([], {}):
                return there
        damaged = {folder: lacks for folder in candidates if which.strip() and (lacks := _lacks(folder))}
    except (OSError, ValueError):  # no file could have that name
        damaged = {}

    if damaged:
        raise DataError("; ".join(f"{folder} can't be used: {lacks}" for folder, lacks in damaged.items()))
    raise ConfigError(_unknown_run(runs, name, which))


def _unknown_run(runs: Path, name: str, which: str) -> str:
    """Return what to say of a text that names no run: the nearest names, and how runs are named."""
    versions = [folder.name for folder in _versions(runs / name)]
    others = {folder.name: _versions(folder) for folder in sorted(runs.glob("*"))}
    names = [other for other, of_name in others.items() if of_name]
    both = [f"{other}/{version.name}" for other, of_name in others.items() for version in of_name]
    elsewhere = [run for run in both if run.endswith(f"/{padded(which)}")]  # of a run of another name
    near = elsewhere[:3] or difflib.get_close_matches(which, [*versions, *names, *both], n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    there = ", ".join(names[:_MOST_SHOWN]) or "none"
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return (
        f"There is no run {which!r}.{hint} A run is named by its path, by a version of {name} (there: "
        f"{', '.join(versions[-_MOST_SHOWN:]) or 'none'}), as NAME/VERSION, or by a NAME in {runs} (there: "
        f"{there}{more}), which means its newest."
    )


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
    facts_of_here = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "folder": str(Path.cwd()),  # from which relative paths are meant
        "who": git(Path.cwd(), "config", "user.name"),
        "commit": git(Path.cwd(), "rev-parse", "HEAD"),
        "uncommitted changes": bool(git(Path.cwd(), *_STATUS)),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
        "config_sha256": sha256_of_text(folder / CONFIG),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }

    write_json(folder / _ENVIRONMENT, facts_of_here | facts)


def read_environment(folder: Path) -> dict[str, Any]:
    """Return what ``write_environment`` wrote.

    Raises:
        DataError: it can't be read, or holds something else.
    """
    return read_json(folder / _ENVIRONMENT, "Bring it back from a copy, or start a new run.", form=_FORM)


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


def warn_of_other_bits(folder: Path, now: Mapping[str, object]) -> None:
    """Say where a run goes on otherwise than it began: its weights will not be those of one not stopped."""
    before = read_environment(folder)
    changed = [
        f"{name} {before[name]}, now {value}"
        for name, value in now.items()
        if name in before and before[name] != value
    ]
    if changed:
        log.warning(
            "%s began with %s: it goes on, but not with the bits of a run that was never stopped.",
            folder, "; ".join(changed),
        )  # fmt: skip


def _versions(parent: Path) -> list[Path]:
    folders = [folder for folder in parent.glob("*") if folder.name.isdigit() and is_run(folder)]
    return sorted(folders, key=lambda folder: int(folder.name))


def _damaged(parent: Path) -> dict[Path, str]:
    """Return the folders of runs that can't be used, and why."""
    folders = sorted(
        (path for path in parent.glob("*") if path.name.isdigit()), key=lambda path: int(path.name)
    )
    return {folder: lacks for folder in folders if (lacks := _lacks(folder))}


def _lacks(folder: Path) -> str:
    """Return which file a folder lacks that holds other files of a run; "": it is a run, or never was."""
    needed, others = (CONFIG, _ENVIRONMENT), (FINISHED, "checkpoints")
    missing = [name for name in needed if not (folder / name).is_file()]
    if not missing or not any((folder / name).exists() for name in (*needed, *others)):
        return ""
    return f"it has no file {' and no '.join(missing)}. Bring it back from a copy."


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a run, finished or not."""
    return (folder / CONFIG).is_file() and (folder / _ENVIRONMENT).is_file()


def check_name(name: str) -> None:
    """Raise a ConfigError for a run's name that is not a folder's name."""
    try:
        FileName().check(name)
    except ValueError as error:
        raise ConfigError(f"[run] name: {error}.") from None

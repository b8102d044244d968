"""An index of runs by the times of their files, so that a thousand of them are read once."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from experiment.run_folder import CONFIG
from tools.runs.facts import RunFacts, members_in, read_facts
from utils.durable import make_folder, write_text
from utils.errors import DataError, WriteFailed
from utils.read_json import read_json

NAME = "runs.json"  # in the cache folder, which may be deleted at any time
_VERSION = 2  # of what is kept of a run
_FILES = (CONFIG, "environment.json", "scores.json", "metrics.jsonl", "log.txt")
_OF_MEMBERS = ("metrics.jsonl", "log.txt")
Stamp = list[list[int]]


def read_all(folders: Mapping[Path, Path], cache: Path) -> list[RunFacts]:
    """Return what is known of each run; only those whose files have changed are read again.

    Args:
        folders: of runs, each with the root below which it lies.
        cache: a folder for the index; where it can't be written, everything is read each time.
    """
    path = cache / NAME
    kept, runs, now = _read_index(path), [], {}
    for folder, root in folders.items():
        key, stamp = str(folder.absolute()), _stamp(folder)
        known = kept.get(key, {})
        facts = _from_index(known.get("facts")) if known.get("stamp") == stamp else None
        if facts is None:
            facts = read_facts(folder, "")
        facts.path, facts.run = str(folder), _called(folder, root)
        now[key] = {"stamp": stamp, "facts": asdict(facts)}
        runs.append(facts)

    if any(kept.get(key) != value for key, value in now.items()):
        _write_index(path, kept | now)
    return runs


def _called(folder: Path, root: Path) -> str:
    """Return a run's name in a table: its path below the root where it was looked for."""
    try:
        below = folder.relative_to(root).as_posix()
    except ValueError:
        below = "."
    return "/".join(folder.absolute().parts[-2:]) if below == "." else below


def _stamp(folder: Path) -> Stamp:
    paths = [folder / name for name in _FILES]
    with suppress(OSError):
        paths += [member / name for member in members_in(folder) for name in _OF_MEMBERS]
    return [_times(path) for path in paths]


def _times(path: Path) -> list[int]:
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return [0, 0]
    return [facts.st_mtime_ns, facts.st_size]


def _read_index(path: Path) -> dict[str, Any]:
    """Return the index of last time; one that is damaged, or of another version, is empty."""
    try:
        values = read_json(path)
    except DataError:
        return {}
    runs = values.get("runs") if values.get("version") == _VERSION else None
    if not isinstance(runs, dict):
        return {}
    return {key: run for key, run in runs.items() if isinstance(run, dict)}


def _from_index(values: object) -> RunFacts | None:
    names = {fact.name for fact in fields(RunFacts)}
    return RunFacts(**values) if isinstance(values, dict) and values.keys() == names else None


def _write_index(path: Path, runs: Mapping[str, Any]) -> None:
    try:
        make_folder(path.parent)
        write_text(path, json.dumps({"version": _VERSION, "runs": runs}))
    except (WriteFailed, UnicodeEncodeError):  # it only saves time
        return

"""``weights.json``: which files hold a run's weights, as text that git carries."""

import re
from pathlib import Path
from typing import Any

from experiment.run_folder import is_run
from train import checkpoint
from utils.durable import sha256_of, write_json
from utils.errors import ConfigError, DataError
from utils.forms import COUNT, OBJECT, TEXT, Form, misfit
from utils.read_json import read_json

NAME = "weights.json"
_FILE = re.compile(r"(?:[\w.-]+/)?checkpoints/[\w-]+\.(?:safetensors|json)")
_FORM_OF_FILE: Form = {"sha256": TEXT, "size": COUNT}
_DIGEST = re.compile(r"[0-9a-f]{64}")


def weights_of(folder: Path) -> dict[str, Any]:
    """Return the files of the best weights of a run and of its members, by path inside it.

    Raises:
        ConfigError: it has none.
    """
    members = [path for path in sorted(folder.iterdir()) if path.is_dir() and is_run(path)]
    files = {}
    for run in (folder, *members):
        weights = checkpoint.newest(run / "checkpoints", "best")
        if weights is not None:
            for path in (weights, weights.with_suffix(".json")):
                name = path.relative_to(folder).as_posix()
                files[name] = {"sha256": sha256_of(path), "size": path.stat().st_size}
    if not files:
        raise ConfigError(f"{folder} has no weights to share: no checkpoint named best that can be read.")
    return files


def write_weights(folder: Path, url: str, files: dict[str, Any]) -> None:
    """Write which files a run's weights are, and where they were sent."""
    write_json(folder / NAME, {"url": url, "files": files})


def read_weights(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return where a run's weights were sent, and its files.

    Raises:
        DataError: it can't be read, or names a file outside of the run's checkpoints.
    """
    advice = "Bring it back with git, or let who trained it push it again."
    values = read_json(folder / NAME, advice, form={"url": TEXT, "files": OBJECT}, needs=("url", "files"))
    for name, facts in values["files"].items():
        whole = isinstance(facts, dict) and _FORM_OF_FILE.keys() <= facts.keys()
        if not whole or misfit(facts, _FORM_OF_FILE) or not _DIGEST.fullmatch(facts["sha256"]):
            raise DataError(f"{folder / NAME} is damaged: {name} has no sha256 and size. {advice}")
        if not _FILE.fullmatch(name) or ".." in name:
            raise DataError(
                f"{folder / NAME} is damaged: {name!r} is no file of a run's checkpoints. {advice}"
            )
    return values["url"], values["files"]

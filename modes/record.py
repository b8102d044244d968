"""What happens to a submission that was written: it is looked at for drift, and listed in the ledger."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset.demo import is_demo
from dataset.task import Task
from inference.ledger import Entry, Ledger, now
from modes.guard import Rows, reference_of, report
from modes.run_folder import FINISHED
from modes.settings import Settings
from utils.durable import sha256_of
from utils.errors import DataError
from utils.read_json import read_json

log = logging.getLogger("podium")


def record(folder: Path, rows: Rows, task: Task, settings: Settings, *, runs: Sequence[Path] = ()) -> None:
    """Print what is unusual about the submission of a run's folder, and list it in the ledger.

    Args:
        folder: where ``submission.csv`` was written; what a finished run leaves there is used if it is there.
        rows: the submission's, with the id first.
        task: as it decided them.
        settings: say where the data and the ledger are.
        runs: what it was predicted with; as a rule the folder.

    Raises:
        DataError: the ledger can't be read; it stays as it is.
    """
    path = folder / "submission.csv"
    ledger = Ledger.beside(settings.paths.runs)
    entry = entry_of(path, ledger, len(rows), task, runs or (folder,))
    report(rows, task, reference_of(folder, task, settings), ledger, entry.sha256)
    if is_demo(settings.paths.data):
        log.info("\nOf drawn demo data, so it is not listed in %s.", ledger.path)
    elif ledger.add(entry):
        log.info(
            "\nListed as %s in %s. With its public score: python run.py --mode submitted %s --public SCORE",
            entry.short, ledger.path, entry.short,
        )  # fmt: skip
    else:
        log.info("\n%s lists this very file already, as %s.", ledger.path, entry.short)


def entry_of(path: Path, ledger: Ledger, rows: int, task: Task, runs: Sequence[Path]) -> Entry:
    """Return the entry of a file, with what the folder that it lies in says about its run."""
    scores = _json(path.parent / FINISHED)
    name = task.main_scores[0]
    low, high = scores.get("intervals", {}).get(name, (None, None))
    whole = (path.parent / "out_of_fold.csv").exists()
    return Entry(
        when=now(),
        file=ledger.where(path),
        sha256=sha256_of(path),
        runs=", ".join(map(ledger.where, runs)),
        commit=_commit(path.parent),
        score=f"{'out-of-fold' if whole else 'validation'} {name}"
        if name in scores.get("scores", {})
        else "",
        own=scores.get("scores", {}).get(name),
        low=low,
        high=high,
        rows=rows,
    )


def _commit(folder: Path) -> str:
    """Return the commit that trained the run of a folder; "" where nobody knows it."""
    try:
        return str(_json(folder / "environment.json").get("commit") or "")[:12]
    except DataError as error:
        log.warning("%s", error)
        return ""


def _json(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}

"""Whom a run was not trained on, and the refusal to start from one that was trained on who validates now."""

import filecmp
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

from dataset.pseudo.teacher import not_held_out
from dataset.readers.base import BaseDataset
from experiment.run_folder import FINISHED
from experiment.settings import Settings
from experiment.start import Source, sources, started
from inference.saved import SPLIT, VALIDATED, refuse_changed, was_written
from inference.scores_file import read_scores
from utils.durable import sha256_of
from utils.errors import ConfigError
from utils.tables import read_table

log = logging.getLogger("podium")


def held_out(run: Path) -> tuple[str, ...]:
    """Return the groups that a run with one fold held out, and that no run before it was trained on either.

    Nobody, where nothing is known of that: of a final fit, of an unfinished run, or of one with a leak.
    """
    path, split = run / VALIDATED, run / SPLIT
    if not was_written(path) or started(run) or _leak_in_scores(run):
        return ()

    for table in (path, split):
        refuse_changed(table)

    rows = read_table(path, ("fold", "group"), guarded=True).rows
    validated = {row["group"] for row in rows}
    folds = {row["fold"] for row in rows}
    if len(folds) == 1 and was_written(split):  # of some of these people every image was left out
        validated |= {
            row["group"]
            for row in read_table(split, ("group", "fold"), guarded=True).rows
            if row["fold"] in folds
        }
    return tuple(sorted(validated))


def beginning(settings: Settings, dataset: BaseDataset) -> dict[str, Any]:
    """Return what to keep of the runs that a new run starts from; ``dataset`` says who validates in it.

    Raises:
        ConfigError: one was trained on who validates here, and [model] allow_leak doesn't say that this is
            meant; or there is no such run.
    """
    facts: dict[str, Any] = {}
    for source in sources(settings):
        facts.setdefault("pretrained", []).append(
            {"run": str(source.run), "file": source.file.name, "sha256": sha256_of(source.file)}
        )

        count, seen = _seen(source, dataset)
        if not seen:
            continue
        what = (
            f"of the {count} people or images that validate here {len(seen)} are not among those that it "
            f"held out, such as {seen[0]!r}"
        )

        if not settings.beside["model"].allow_leak:
            raise ConfigError(_refusal(source, what))
        log.warning(
            "LEAK: %s was trained on who validates here: %s. The scores say nothing.", source.run, what
        )
        facts.setdefault("leak", []).append(
            {"pretrained": str(source.run), "validated and trained on": len(seen), "validated": count}
        )
    return facts


def _refusal(source: Source, what: str) -> str:
    settings = source.settings
    chosen = settings.chosen["dataset"].options.get("valid_fold")
    fold = f"[dataset] valid_fold = {chosen.text}, the same folds, and " if chosen else ""
    return (
        f"[model] pretrained = {source.run if source.whole else source.file}: {source.run} was trained on "
        f"who validates here: {what}. Scores on them would say nothing. Hold out the same ones with {fold}"
        f"[run] split_seed = {settings.run.dealing_seed}, or start from a run that held out who validates "
        "here; [model] allow_leak = yes starts all the same, and scores.json says so."
    )


def _seen(source: Source, dataset: BaseDataset) -> tuple[int, list[str]]:
    """Return how many groups validate, and those of them that a run was trained on."""
    count, seen = not_held_out(held_out(source.run), dataset)
    root = source.settings.paths.data
    if not seen or not root.is_dir() or root.resolve() == dataset.root.resolve():
        return count, seen
    # Of another folder: names such as 0.png may be those of other images.
    files: defaultdict[str, list[str]] = defaultdict(list)
    for row in dataset.valid_rows.tolist():
        files[dataset.groups[row]].append(dataset.files[row])
    return count, [group for group in seen if not _others(files[group], root, dataset.root)]


def _others(files: list[str], there: Path, here: Path) -> bool:
    """Tell whether each of these images is in both folders, and none is the same in both."""
    pairs = [(there / file, here / file) for file in files]
    return all(a.is_file() and b.is_file() and not filecmp.cmp(a, b, shallow=False) for a, b in pairs)


def _leak_in_scores(run: Path) -> bool:
    return (run / FINISHED).exists() and "leak" in read_scores(run)

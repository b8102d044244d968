"""A final fit: a finished run's config once more, on all data, for as many epochs as its folds needed.

Nothing is left to validate on, so nothing that depends on a score may be in it: the number of epochs and the
end of the schedule are known from the folds, and the last epoch is kept.
"""

import inspect
import logging
import math
import statistics
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment.changes import changes
from experiment.finish import FOLDS_OF_FINAL
from experiment.kept_images import with_images_of
from experiment.members import folders_by_fold
from experiment.read_settings import written_settings
from experiment.resolve import as_begun
from experiment.run_folder import CONFIG, find_run
from experiment.settings import Settings
from inference.scores_file import read_scores
from schedulers.base import SCHEDULERS
from utils.command import podium
from utils.durable import write_json
from utils.errors import ConfigError, listed
from utils.shortened import brief, listing

log = logging.getLogger("podium")
# Keys that may differ from the folds', beside the section [run]: which data is held out, and for how long.
_OWN = (("train", "epochs"), ("train", "final"), ("dataset", "valid_fold"), ("pseudo", "labels"))


def final_fit(settings: Settings, free: Collection[tuple[str, str]]) -> Settings:
    """Return the settings of a final fit of the run that [train] final names.

    Its epochs are the median of the best ones of that run's members, a half rounded up.

    Args:
        settings: with the names that were found in the data.
        free: keys that change no result.

    Raises:
        ConfigError: there is no such run, it was trained otherwise, or something needs validation.
    """
    train = settings.train
    source = find_run(settings.paths.runs, settings.run.name, train.final, finished=True)
    trained = written_settings(source / CONFIG)
    if "best_by" not in (scores := read_scores(source)) and "of_folds" not in scores:
        raise ConfigError(
            f"[train] final = {train.final}: {source} has no best epoch by validation, as a final fit, a "
            "soup and an ensemble have none. Name a run that --folds all trained."
        )
    settings = with_images_of(source, as_begun(settings, trained))
    train = settings.train

    problems = [
        "[{}] {} was {} and is now {}".format(change.section, change.key, *brief(change.before, change.after))
        for change in changes(trained, settings)
        if change.section != "run" and (change.section, change.key) not in {*_OWN, *free}
    ]
    if problems:
        raise ConfigError(
            listed(f"The config, held against that of {source}, whose epochs it would take,", problems)
            + f"\nTrain as it was trained: {podium('--config', source / CONFIG, '--final', source)}"
        )

    _refuse_what_cannot_be_repeated(settings)
    epochs = best_epochs(trained, source)
    agreed = math.floor(statistics.median(epochs.values()) + 0.5)
    log.info(
        "Final fit of %s on all data: %d epochs, the median of the best epochs (%s). Nothing validates it.",
        source, agreed, listing([f"{name}: {epoch}" for name, epoch in epochs.items()]),
    )  # fmt: skip

    run = replace(settings.run, folds=None, seeds=1)
    return replace(settings, run=run, train=replace(train, final=str(source), epochs=agreed))


def best_epochs(trained: Settings, folder: Path) -> dict[str, int]:
    """Return the best epoch of each member of a run, by the member's name."""
    members = [model for models in folders_by_fold(trained.run, folder) for model in models]
    return {model.name: read_scores(model, "best_epoch")["best_epoch"] for model in members}


def write_folds(folder: Path, settings: Settings) -> None:
    """Keep in a final fit's folder what is known of its folds: they may be gone when it ends."""
    source = Path(settings.train.final or "")
    scores = read_scores(source, "scores", "intervals")
    facts: dict[str, Any] = {
        "final": str(source),
        "best_epochs_of_the_folds": best_epochs(written_settings(source / CONFIG), source),
        "scores_of_the_folds": scores["scores"],
        "intervals_of_the_folds": scores["intervals"],
    }
    write_json(folder / FOLDS_OF_FINAL, facts | {"tuning": scores.get("tuning", {})})


def _refuse_what_cannot_be_repeated(settings: Settings) -> None:
    problems = [
        f"[train] {key} makes epochs of other lengths than its folds had: train all without it"
        for key in ("time_limit", "plan")
        if getattr(settings.train, key) is not None
    ]

    scheduler = settings.chosen["scheduler"]
    if "score_of" in inspect.signature(SCHEDULERS.get(scheduler.name).__init__).parameters:
        problems.append(
            f"[scheduler] {scheduler.name} waits for scores, so it can't be repeated ({scheduler.origin})"
        )

    for callback in settings.callbacks:
        patience = callback.options.get("melt_patience")
        if patience is not None and patience.text.lower() != "none":
            problems.append(f"[{callback.section}] melt_patience waits for scores: melt_after does not")

    if problems:
        raise ConfigError(listed("A final fit, which validates nothing,", problems))

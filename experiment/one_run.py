"""One run from its first step, or from where it stopped, to its scores."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dataset.class_table import (
    as_called,
    class_table,
    in_short,
    write_class_table,
)
from dataset.images.file_report import crop_lines, remark_lines
from dataset.images.store import ImageSource
from dataset.readers.base import BaseDataset
from dataset.tasks.base import Task
from experiment.assemble import Experiment, assemble_training, fingerprint
from experiment.kept import best_of, give_weights, restore, state_to_resume
from experiment.metrics import monitor_of
from experiment.run_folder import FINISHED, read_environment, warn_of_other_bits, write_environment
from experiment.score_words import judged, lower, score_lines, words
from experiment.start import started
from experiment.time_limit import follow_plan, keep_time
from inference.bootstrap import intervals
from inference.inferrer import write_predictions
from inference.predict import Predictions
from inference.priors import priors_of, write_priors
from inference.saved import PREDICTED, digests
from inference.scores_file import LIMITS, TUNING
from models.checks import explain_small_batches
from train.trainer import Trainer
from utils import signals
from utils.device_errors import explained
from utils.durable import remove_folder, write_json, write_text
from utils.errors import ConfigError, DataError
from utils.forms import COUNT, NUMBER, TEXT, Form, by_name
from utils.ini import format_ini
from utils.read_json import read_json
from utils.shortened import MOST, listing
from utils.tables import write_table

log = logging.getLogger("podium")
CLASS_TABLE = "class_table.csv"  # in a run's folder
FOLDS_OF_FINAL = "folds.json"  # in a final fit's folder: what the run says whose folds it follows
_FORM_OF_FOLDS: Form = {
    "final": TEXT,
    "best_epochs_of_the_folds": by_name(COUNT),
    "scores_of_the_folds": by_name(NUMBER),
    "intervals_of_the_folds": LIMITS,
    "tuning": TUNING,
}


def write_beginning(
    folder: Path, experiment: Experiment, data: object, start: Mapping[str, Any] | None = None
) -> None:
    """Write what makes a folder a run that can be resumed.

    Args:
        data: the fingerprint of its data.
        start: what is known of the runs whose weights it starts from.
    """
    settings = experiment.settings
    write_text(folder / "config.ini", format_ini(settings.texts()))
    facts = {"seed": settings.run.seed, "data": data, **experiment.precision.facts()}
    write_environment(folder, facts | dict(start or {}))


def refuse_other_data(folder: Path, data: object) -> None:
    """Raise a DataError unless ``data`` is the fingerprint with which a run began."""
    if read_environment(folder).get("data") != data:
        raise DataError(
            f"The training data is no longer what {folder} began with (files, labels or split). "
            "Bring it back, or start a new run."
        )


def train_run(
    experiment: Experiment,
    folder: Path,
    dataset: BaseDataset,
    source: ImageSource,
    *,
    whole: Path | None,
    until: float | None = None,
) -> None:
    """Train the run of a folder, from its last checkpoint if there is one, and write its scores.

    Args:
        whole: the folder that goes if its first run can't even begin; as a rule the run's own. None: none.
        until: when the run has to be complete, in seconds since the process's start.
    """
    refuse_other_data(folder, fingerprint(dataset))
    saved = state_to_resume(folder, monitor_of(experiment.task, experiment.settings.train.kept_by))
    plan, keeper = experiment.settings.train.plan, None
    try:
        trainer = assemble_training(experiment, folder, dataset, source, fresh=saved is None)
        if plan is not None:
            follow_plan(trainer, folder, plan)
        elif until is not None:
            keeper = keep_time(experiment, folder, dataset, trainer, until, resumed=saved is not None)
    except (ConfigError, DataError):
        _remove_untrained(whole)
        raise
    _report(experiment, folder, dataset, source)
    if saved is not None:
        restore(trainer.state, saved, folder)
        epoch, batch = trainer.state.epoch, trainer.state.batch
        log.info("Resumed %s after epoch %d, batch %d.", folder, epoch, batch)
        warn_of_other_bits(folder, experiment.precision.facts())
    _fit(trainer, whole)
    if experiment.settings.train.final is not None:
        _finish_final(experiment, folder, trainer)
    else:
        _finish(experiment, folder, dataset, trainer, None if keeper is None else keeper.best)


def _fit(trainer: Trainer, whole: Path | None) -> None:
    """Train; a config that only the first step shows to be wrong leaves no run to resume."""
    batches, device = trainer.batches, trainer.precision.device
    half = max(1, batches.batch_size // 2)
    advice = (
        f"Write [train] batch_size = {half} and accumulate = {2 * trainer.batches.accumulate}, "
        "[model] gradient_checkpointing = yes, or [images] store = disk."
    )
    try:
        with (
            explained(device, f"Training steps of batch_size = {batches.batch_size} images", advice),
            explain_small_batches(),
        ):
            trainer.fit()
        signals.stop_if_asked()  # one that came after the last epoch was kept
    except ConfigError:
        _remove_untrained(whole)
        raise


def _remove_untrained(whole: Path | None) -> None:
    # Checkpoints alone may have been deleted, of folds that are finished.
    if whole is not None and not any(any(whole.rglob(name)) for name in ("checkpoints", "metrics.jsonl")):
        remove_folder(whole)


def _report(experiment: Experiment, folder: Path, dataset: BaseDataset, source: ImageSource) -> None:
    """Print and keep what is trained on: classes, split, and what was left out."""
    columns, table = as_called(dataset, class_table(dataset, experiment.task))
    write_class_table(folder / CLASS_TABLE, table, columns)
    trained = {name: values[dataset.train_rows] for name, values in dataset.targets.items()}
    write_priors(folder, experiment.task.spaces, priors_of(experiment.task.spaces, trained))
    if dataset.valid_fold is not None:
        split = sorted(set(zip(dataset.groups, dataset.folds.tolist(), strict=True)))
        write_table(folder / "split.csv", ("group", "fold"), split)
    log.info("%s\n", in_short(columns, table, folder / CLASS_TABLE))
    validated = {name: values[dataset.valid_rows] for name, values in dataset.targets.items()}
    if len(dataset.valid_rows) and (unscored := experiment.task.unscored(validated)):
        log.warning(
            "No validation image has %s: scores say nothing about it.",
            listing(unscored, str(folder / CLASS_TABLE)),
        )
    for line in remark_lines(source, dataset.files, experiment.prepare.depth, "training"):
        log.warning(line)
    task, cropper = experiment.task, experiment.prepare.cropper
    for line in crop_lines(source, cropper, "training", task.spaces, dataset.targets):
        log.warning(line)
    for note in dataset.notes:
        log.warning(note)
    left_out = [*dataset.skipped, *source.bad.values()]
    _say_left_out(left_out, folder)
    log.info(
        "%d images: %d to train on, %d to validate on, %d left out as bad. Run folder: %s",
        len(dataset.files), len(dataset.train_rows), len(dataset.valid_rows), len(left_out), folder,
    )  # fmt: skip


def _say_left_out(problems: Sequence[str], folder: Path) -> None:
    """Name what is left out: in the log, or where it is much in a file."""
    for problem in problems[:MOST]:
        log.warning("Left out: %s", problem)
    if len(problems) > MOST:
        write_text(folder / "left_out.txt", "".join(f"{problem}\n" for problem in problems))
        log.warning("Left out: ... and %d more, all in %s", len(problems) - MOST, folder / "left_out.txt")


def _finish(
    experiment: Experiment, folder: Path, dataset: BaseDataset, trainer: Trainer, known: Predictions | None
) -> None:
    """Validate the best weights as read from disk, and write what shows that the run is complete.

    Args:
        known: the best epoch's predictions, where there is no time to validate once more.
    """
    best = _best(experiment, folder, trainer)
    scores, found = (
        _validated(experiment, folder, best, trainer) if known is None else (_own(best, experiment), known)
    )
    names = dataset.names
    ids = [(names[row], str(dataset.folds[row]), dataset.groups[row]) for row in found.rows.tolist()]
    write_predictions(folder / "valid_predictions.csv", PREDICTED, ids, experiment.task, found)
    sure = intervals(experiment.task, found.logits, found.targets, [group for *_, group in ids])
    history = trainer.state.history
    measured = [*experiment.task.main_scores, "loss"]
    epoch, monitor = int(best["scores"]["epoch"]), experiment.settings.train.monitor
    write_json(
        folder / FINISHED,
        {
            "monitor": monitor,
            "best_epoch": epoch,
            "scores": scores,
            **judged(experiment.task, sure),
            "best_by": {name: _best_by(experiment.task, name, history, measured) for name in measured},
            **started(folder),
            **tuning(experiment.task, found),
            **digests(folder),
        },
    )
    lines = score_lines(experiment.task, scores, sure)
    log.info(
        "\nBest epoch: %d, by %s. On the validation images, with 95 %% intervals:%s", epoch, monitor, lines
    )


def _best(experiment: Experiment, folder: Path, trainer: Trainer) -> dict[str, Any]:
    """Return the checkpoint of the best epoch; an older one is never taken for it."""
    history = trainer.state.history
    return best_of(
        folder, history[monitor_of(experiment.task, experiment.settings.train.kept_by).best(history)]
    )


def _validated(
    experiment: Experiment, folder: Path, best: dict[str, Any], trainer: Trainer
) -> tuple[dict[str, float], Predictions]:
    """Return scores and predictions of the weights of a checkpoint."""
    model = experiment.model(fresh=False)
    give_weights(model, best, folder)
    scores, found = trainer.validator.run(model)
    if found is None:
        raise DataError("There is no image to validate on.")
    expected = best["scores"]["loss"]
    if not math.isclose(scores["loss"], expected, rel_tol=1e-3):  # another batch size rounds otherwise
        log.warning("The best weights give a loss of %g after reading, %g before.", scores["loss"], expected)
    return scores, found


def _own(best: dict[str, Any], experiment: Experiment) -> dict[str, float]:
    """Return the scores that a checkpoint's weights had when they were validated."""
    return {name: best["scores"][name] for name in ("loss", *experiment.task.score_names)}


def _finish_final(experiment: Experiment, folder: Path, trainer: Trainer) -> None:
    """Write what shows that a final fit is complete; all that is known of its quality is its folds'."""
    facts = read_json(folder / FOLDS_OF_FINAL, form=_FORM_OF_FOLDS, needs=("final", "scores_of_the_folds"))
    epoch = int(_best(experiment, folder, trainer)["scores"]["epoch"])
    write_json(
        folder / FINISHED,
        {"final": facts.pop("final"), "best_epoch": epoch, **facts, **lower(experiment.task)},
    )
    known = facts["scores_of_the_folds"]
    scores = {name: known[name] for name in experiment.task.main_scores if name in known}
    log.info(
        "\nFinal fit: epoch %d, the last, is kept. It has no score of its own; its folds had %s.",
        epoch, words(scores),
    )  # fmt: skip


def _best_by(task: Task, name: str, history: list[dict[str, float]], names: list[str]) -> dict[str, float]:
    entry = history[monitor_of(task, name).best(history)]
    return {"epoch": int(entry["epoch"])} | {score: entry[score] for score in names}


def tuning(task: Task, found: Predictions) -> dict[str, Any]:
    """Return what the task finds on the validation images for inference, and the scores with it there."""
    tuning = task.tune(found.logits, found.targets)
    tuned = task.tuned(tuning)
    if tuned is task:  # which decides without it, but another one may be asked to predict
        return {"tuning": tuning} if tuning else {}
    scores = tuned.scores(found.logits, found.targets)
    main = {name: scores[name] for name in task.main_scores}
    log.info("Tuned on these same validation images, so higher than it will be on others: %s", words(main))
    return {"tuning": tuning, "scores_on_the_images_tuned_on": main}

"""Trains a run, or goes on with one that was stopped."""

import logging
import math
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

from dataset.base_dataset import BaseDataset
from dataset.class_table import class_table, format_table, without_people, write_class_table
from dataset.store import ImageSource, missed_line
from dataset.task import Task
from inference.inferrer import write_predictions
from inference.predict import Predictions
from modes.assemble import Experiment, assemble_training, fingerprint
from modes.mode import MODES, Mode
from modes.read_settings import check, read_sections
from modes.run_folder import (
    FINISHED,
    create_run,
    find_run,
    held,
    read_environment,
    write_environment,
)
from modes.settings import HERE, Settings
from train import checkpoint
from train.monitor import Monitor
from train.trainer import Trainer
from utils.durable import write_json, write_text
from utils.errors import ConfigError, DataError, Diverged, PodiumError, ResumableStop, listed
from utils.ini import format_ini, read_ini
from utils.logs import logged_to
from utils.metrics import in_words
from utils.tables import write_table

log = logging.getLogger("podium")
# Keys that a resumed run may change, beside the sections in HERE: none of them changes a result.
_FREE = (
    ("run", "device"),
    ("images", "store_budget"),
    ("pseudo", "images"),
    ("callback.Checkpoints", "minutes"),
)


@MODES.register
class Train(Mode):
    """Train by the config; leaves runs/<name>/<version> with weights, scores and TensorBoard."""

    def run(self, arguments: Namespace) -> None:
        if arguments.run is not None and not arguments.resume:
            raise ConfigError(
                "--run names a run to resume (with --resume) or to predict with (--mode infer)."
            )
        settings = check(read_sections(arguments.config, arguments.overrides), str(arguments.config))
        experiment = Experiment.of(settings)
        settings = experiment.settings  # with the names that were found in the data
        experiment.check()
        if arguments.resume:
            folder = find_run(settings.paths.runs, settings.run.name, arguments.run, finished=False)
            with held(folder), logged_to(folder / "log.txt"):
                _refuse_changes(folder, settings)
                self._train(experiment, folder, *experiment.training_data(), arguments.config)
            return
        dataset, source = experiment.training_data()  # bad data leaves no run folder behind

        def fill(folder: Path) -> None:
            write_text(folder / "config.ini", format_ini(settings.texts()))
            facts = {"seed": settings.run.seed, "data": fingerprint(dataset)}
            write_environment(folder, facts | {"device": str(experiment.precision.device)})

        folder = create_run(settings.paths.runs, settings.run.name, fill)
        with held(folder), logged_to(folder / "log.txt"):
            self._train(experiment, folder, dataset, source, arguments.config)

    def _train(
        self, experiment: Experiment, folder: Path, dataset: BaseDataset, source: ImageSource, config: Path
    ) -> None:
        if read_environment(folder)["data"] != fingerprint(dataset):
            raise DataError(
                f"The training data is no longer what {folder} began with (files, labels or split). "
                "Bring it back, or start a new run."
            )
        saved = checkpoint.load(folder / "checkpoints", "last")
        if saved is None and (folder / "metrics.jsonl").exists():
            raise ConfigError(f"{folder} has no readable checkpoint left: start a new run.")
        try:
            trainer = assemble_training(experiment, folder, dataset, source, fresh=saved is None)
        except PodiumError:
            if saved is None:  # nothing has been trained: a mistake leaves no run folder behind
                shutil.rmtree(folder)
            raise
        _report(experiment, folder, dataset, source)
        if saved is not None:
            trainer.state.load_state_dict(saved)
            epoch, batch = trainer.state.epoch, trainer.state.batch
            log.info("Resumed %s after epoch %d, batch %d.", folder, epoch, batch)
        try:
            trainer.fit()
        except Diverged:
            raise
        except ResumableStop as stop:
            command = f"python run.py --resume --config {folder / 'config.ini'} --run {folder}"
            raise ResumableStop(f"{stop}\nGo on with: {command}") from stop
        _finish(experiment, folder, dataset, trainer, config)


def _refuse_changes(folder: Path, settings: Settings) -> None:
    """A resumed run goes on as it began; only where things are and how fast may differ."""
    path = folder / "config.ini"
    began = check(read_ini(path), str(path)).texts()  # also fills in keys that are newer than the run
    now = settings.texts()
    problems = []
    for section in sorted(began.keys() | now.keys()):
        if section in HERE:
            continue
        old, new = began.get(section, {}), now.get(section, {})
        problems += [
            f"[{section}] {key} was {old.get(key, 'not there')!r} and is now {new.get(key, 'not there')!r}"
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key) and (section, key) not in _FREE
        ]
    if problems:
        raise ConfigError(
            listed(f"The config, held against that of {folder},", problems)
            + f"\nUndo that, or resume with --config {folder / 'config.ini'}, or start a new run."
        )


def _report(experiment: Experiment, folder: Path, dataset: BaseDataset, source: ImageSource) -> None:
    """Print and keep what is trained on: classes, split, and what was left out."""
    columns, table = without_people(dataset, class_table(dataset, experiment.task))
    write_class_table(folder / "class_table.csv", table, columns)
    split = sorted(set(zip(dataset.groups, dataset.folds.tolist(), strict=True)))
    write_table(folder / "split.csv", ("group", "fold"), split)
    log.info("%s\n", format_table(columns, table))
    validated = {name: values[dataset.valid_rows] for name, values in dataset.targets.items()}
    if unscored := experiment.task.unscored(validated):
        log.warning("No validation image has %s: scores say nothing about it.", ", ".join(unscored))
    if line := missed_line(source, experiment.prepare.cropper, "training"):
        log.warning(line)
    left_out = [*dataset.skipped, *source.bad.values()]
    for problem in left_out:
        log.warning("Left out: %s", problem)
    log.info(
        "%d images: %d to train on, %d to validate on, %d left out as bad. Run folder: %s",
        len(dataset.files), len(dataset.train_rows), len(dataset.valid_rows), len(left_out), folder,
    )  # fmt: skip


def _finish(
    experiment: Experiment, folder: Path, dataset: BaseDataset, trainer: Trainer, config: Path
) -> None:
    """Validate the best weights as read from disk, and write what shows that the run is complete."""
    best = load_best(folder)
    model = experiment.model(fresh=False)
    model.load_state_dict(best["model"])
    scores, found = trainer.validator.run(model)
    expected = best["scores"]["loss"]
    if not math.isclose(scores["loss"], expected, rel_tol=1e-3):  # another batch size rounds otherwise
        log.warning("The best weights give a loss of %g after reading, %g before.", scores["loss"], expected)
    ids = [(dataset.files[row], str(dataset.folds[row]), dataset.groups[row]) for row in found.rows.tolist()]
    columns = ("id", "fold", "group")
    write_predictions(folder / "valid_predictions.csv", columns, ids, experiment.task, found)
    history = trainer.state.history
    names = [*experiment.task.main_scores, "loss"]
    write_json(
        folder / FINISHED,
        {
            "monitor": experiment.settings.train.monitor,
            "best_epoch": int(best["scores"]["epoch"]),
            "scores": scores,
            "best_by": {name: _best_by(name, history, names) for name in names},
            **_tuning(experiment.task, found),
        },
    )
    _print_scores(scores, int(best["scores"]["epoch"]), experiment, folder, config)


def _best_by(name: str, history: list[dict[str, float]], names: list[str]) -> dict[str, float]:
    entry = history[Monitor(name).best(history)]
    return {"epoch": int(entry["epoch"])} | {score: entry[score] for score in names}


def _tuning(task: Task, found: Predictions) -> dict[str, Any]:
    """Return what the task finds on the validation images for inference, and the scores with it there."""
    tuning = task.tune(found.logits, found.targets)
    tuned = task.tuned(tuning)
    if tuned is task:  # which decides without it, but another one may be asked to predict
        return {"tuning": tuning} if tuning else {}
    scores = tuned.scores(found.logits, found.targets)
    main = {name: scores[name] for name in task.main_scores}
    log.info(
        "Tuned on these same validation images, so higher than it will be on others: %s",
        "  ".join(f"{in_words(name)} {value:.4f}" for name, value in main.items()),
    )
    return {"tuning": tuning, "scores_on_the_images_tuned_on": main}


def load_best(folder: Path) -> dict[str, Any]:
    """Return a run's best weights and their scores.

    Raises:
        ConfigError: the run has no checkpoint that can be read.
    """
    best = checkpoint.load(folder / "checkpoints", "best")
    if best is None:
        raise ConfigError(f"{folder} has no readable checkpoint named best: train it again.")
    return best


def _print_scores(
    scores: dict[str, float], epoch: int, experiment: Experiment, folder: Path, config: Path
) -> None:
    task = experiment.task
    parts = "".join(
        f"\n  {view:<10} "
        + "  ".join(f"{in_words(name)} {scores[f'{view}/{name}']:.4f}" for name in task.main_scores)
        for view in task.views
    )
    log.info(
        "\nBest epoch: %d, by %s. On the validation images:%s\n\n"
        "Scores:      %s\nTensorBoard: tensorboard --logdir %s   (this run: %s)\n"
        "Predict:     python run.py --config %s --mode infer --run %s",
        epoch, experiment.settings.train.monitor, parts, folder / FINISHED,
        experiment.settings.paths.runs, folder / "tensorboard", config, folder,
    )  # fmt: skip

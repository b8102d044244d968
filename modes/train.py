"""Trains a run, or goes on with one that was stopped."""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

from dataset.base_dataset import BaseDataset
from dataset.class_table import COLUMNS, class_table, format_table, write_class_table
from dataset.store import ImageSource
from inference.inferrer import write_predictions
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
from utils.errors import ConfigError, DataError, PodiumError, ResumableStop, listed
from utils.ini import format_ini, read_ini
from utils.logs import logged_to
from utils.tables import write_table

log = logging.getLogger("podium")


@MODES.register
class Train(Mode):
    """Train by the config; leaves runs/<name>/<version> with weights, scores and TensorBoard."""

    def run(self, arguments: Namespace) -> None:
        settings = check(read_sections(arguments.config, arguments.overrides), str(arguments.config))
        experiment = Experiment.of(settings)
        experiment.check()
        if arguments.resume:
            folder = find_run(settings.paths.runs, settings.run.name, arguments.run, finished=False)
            with held(folder), logged_to(folder / "log.txt"):
                _refuse_changes(folder, settings)
                self._train(experiment, folder, resume=True)
            return
        dataset, source = experiment.training_data()  # bad data leaves no run folder behind
        folder = create_run(settings.paths.runs, settings.run.name)
        with held(folder), logged_to(folder / "log.txt"):
            write_text(folder / "config.ini", format_ini(settings.texts()))
            facts = {"seed": settings.run.seed, "data": fingerprint(dataset)}
            write_environment(folder, facts | {"device": str(experiment.precision.device)})
            self._train(experiment, folder, dataset, source)

    def _train(
        self,
        experiment: Experiment,
        folder: Path,
        dataset: BaseDataset | None = None,
        source: ImageSource | None = None,
        *,
        resume: bool = False,
    ) -> None:
        if dataset is None or source is None:
            dataset, source = experiment.training_data()
        if resume and read_environment(folder)["data"] != fingerprint(dataset):
            raise DataError(
                f"The training data is no longer what {folder} began with (files, labels or split). "
                "Bring it back, or start a new run."
            )
        _report(experiment, folder, dataset, source)
        trainer = assemble_training(experiment, folder, dataset, source)
        if resume:
            _restore(trainer, folder)
        try:
            trainer.fit()
        except ResumableStop as stop:
            command = f"python run.py --resume --run {folder}"
            raise ResumableStop(f"{stop}\nGo on with: {command}") from stop
        _finish(experiment, folder, dataset, trainer)


def _refuse_changes(folder: Path, settings: Settings) -> None:
    """A resumed run goes on as it began; only where things are and how fast may differ."""
    began = {name: dict(s.values) for name, s in read_ini(folder / "config.ini").items()}
    now = settings.texts()
    problems = []
    for section in sorted(began.keys() | now.keys()):
        if section in HERE:
            continue
        old = {key: value.text for key, value in began.get(section, {}).items()}
        new = {key.lower(): value for key, value in now.get(section, {}).items()}
        problems += [
            f"[{section}] {key} was {old.get(key, 'not there')!r} and is now {new.get(key, 'not there')!r}"
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key) and (section, key) != ("run", "device")
        ]
    if problems:
        raise ConfigError(
            listed(f"The config, held against that of {folder},", problems)
            + f"\nUndo that, or resume with --config {folder / 'config.ini'}, or start a new run."
        )


def _restore(trainer: Trainer, folder: Path) -> None:
    saved = checkpoint.load(folder / "checkpoints", "last")
    if saved is None:
        log.info("No checkpoint in %s yet: it starts from the beginning.", folder)
        return
    trainer.state.load_state_dict(saved)
    log.info("Resumed %s after epoch %d, batch %d.", folder, trainer.state.epoch, trainer.state.batch)


def _report(experiment: Experiment, folder: Path, dataset: BaseDataset, source: ImageSource) -> None:
    """Print and keep what is trained on: classes, split, and what was left out."""
    table = class_table(dataset, experiment.task)
    write_class_table(folder / "class_table.csv", table)
    split = sorted(set(zip(dataset.groups, dataset.folds.tolist(), strict=True)))
    write_table(folder / "split.csv", ("group", "fold"), split)
    log.info("%s\n", format_table(COLUMNS, table))
    left_out = [*dataset.skipped, *source.bad.values()]
    for problem in left_out:
        log.warning("Left out: %s", problem)
    log.info(
        "%d images: %d to train on, %d to validate on, %d left out as bad. Run folder: %s",
        len(dataset.files), len(dataset.train_rows), len(dataset.valid_rows), len(left_out), folder,
    )  # fmt: skip


def _finish(experiment: Experiment, folder: Path, dataset: BaseDataset, trainer: Trainer) -> None:
    """Validate the best weights as read from disk, and write what shows that the run is complete."""
    best = load_best(folder)
    model = experiment.model(fresh=False)
    model.load_state_dict(best["model"])
    scores, found = trainer.validator.run(model)
    expected = best["scores"]["loss"]
    if scores["loss"] != expected:
        raise PodiumError(f"The best weights give a loss of {scores['loss']} after reading, not {expected}.")
    ids = [(dataset.files[row], str(dataset.folds[row]), dataset.groups[row]) for row in found.rows.tolist()]
    columns = ("id", "fold", "group")
    write_predictions(folder / "valid_predictions.csv", columns, ids, experiment.task, found)
    history = trainer.state.history
    names = [name for name in ("macro_f1", "accuracy", "loss") if name in history[0]]
    write_json(
        folder / FINISHED,
        {
            "monitor": experiment.settings.train.monitor,
            "best_epoch": int(best["scores"]["epoch"]),
            "scores": scores,
            "best_by": {name: _best_by(name, history) for name in names},
        },
    )
    _print_scores(scores, int(best["scores"]["epoch"]), experiment, folder)


def _best_by(name: str, history: list[dict[str, float]]) -> dict[str, float]:
    entry = history[Monitor(name).best(history)]
    return {"epoch": int(entry["epoch"])} | {
        score: entry[score] for score in ("macro_f1", "accuracy", "loss")
    }


def load_best(folder: Path) -> dict[str, Any]:
    """Return a run's best weights and their scores.

    Raises:
        ConfigError: the run has no checkpoint that can be read.
    """
    best = checkpoint.load(folder / "checkpoints", "best")
    if best is None:
        raise ConfigError(f"{folder} has no readable checkpoint named best: train it again.")
    return best


def _print_scores(scores: dict[str, float], epoch: int, experiment: Experiment, folder: Path) -> None:
    parts = "".join(
        f"\n  {view:<10} accuracy {scores[f'{view}/accuracy']:.4f}  macro-F1 {scores[f'{view}/macro_f1']:.4f}"
        for view in experiment.task.views
    )
    log.info(
        "\nBest epoch: %d, by %s. On the validation images:%s\n\n"
        "Scores:      %s\nTensorBoard: tensorboard --logdir %s\nPredict:     python run.py --mode infer",
        epoch, experiment.settings.train.monitor, parts, folder / FINISHED,
        experiment.settings.paths.runs,
    )  # fmt: skip

"""Trains a run, or goes on with one that was stopped."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment.assemble import Experiment
from experiment.changes import changes
from experiment.command_line import train_options
from experiment.crew import Crew, crew_of
from experiment.cross_validation import CrossValidation
from experiment.data import training_table
from experiment.eval_check import check_eval
from experiment.final_fit import final_fit, write_folds
from experiment.kept_images import with_images_of
from experiment.leak import beginning
from experiment.mode import MODES, Mode
from experiment.named_runs import with_found_runs
from experiment.one_run import train_run, write_beginning
from experiment.read_settings import read_settings, written_settings
from experiment.resolve import as_begun, with_faster_precision, with_fitting_batch
from experiment.run_folder import CONFIG, FINISHED, check_writable, create_run, find_run, held
from experiment.section import tool_sections
from experiment.settings import Settings, keys_of
from experiment.time_limit import share
from utils import signals
from utils.command import podium, quoted
from utils.errors import ConfigError, Diverged, ResumableStop, listed
from utils.logs import logged_to
from utils.shortened import brief

log = logging.getLogger("podium")
# Keys that a resumed run may change, beside those of tools and the sections in HERE: none changes a result.
_FREE = (
    ("run", "device"),
    ("images", "store_budget"),
    ("pseudo", "images"),
    ("callback.Checkpoints", "minutes"),
)


@MODES.register
class Train(Mode):
    """Train by the config; leaves runs/<name>/<version> with weights, scores and TensorBoard."""

    takes = ("run", "resume", "folds", "seeds")

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        train_options(parser)

    def run(self, arguments: Namespace) -> None:
        if arguments.run is not None and not arguments.resume:
            raise ConfigError(
                "--run names a run to resume (with --resume) or to predict with (--mode infer)."
            )

        short = {"train.final": arguments.final, "workers.count": arguments.workers}
        more = [f"{key}={text}" for key, text in short.items() if text is not None]
        settings = with_found_runs(read_settings(arguments, [*arguments.overrides, *more]))

        folder = None
        if arguments.resume:
            folder = find_run(settings.paths.runs, settings.run.name, arguments.run, finished=False)
            settings = as_begun(_with_its_folds(settings, folder), _began_with(folder))
            settings = with_images_of(folder, settings)

        experiment = Experiment.of(settings)
        if settings.train.final is not None and folder is None:
            experiment = experiment.with_settings(final_fit(experiment.settings, _free()))
        experiment.check()
        crew = crew_of(experiment.settings)
        if crew is not None:
            experiment = crew.prepare(experiment, folder)
        if folder is None:
            check_writable(settings.paths.runs, settings.run.name)
            check_eval(experiment.settings, experiment.task)
            experiment = with_fitting_batch(experiment)

        if experiment.settings.run.folds is None:
            folder = _train_one(experiment, folder)
        else:
            folder = _train_folds(experiment, folder, crew)
        _say_where(experiment.settings, folder)


def _free() -> set[tuple[str, str]]:
    """Return the keys that change no result of training."""
    return {*_FREE, *((name, key) for name, section in tool_sections().items() for key in keys_of(section))}


def _train_one(experiment: Experiment, folder: Path | None) -> Path:
    """Train a run, or go on with that in ``folder``; return its folder."""
    settings = experiment.settings  # with the names that were found in the data
    if folder is not None:
        _refuse_changes(folder, settings)
    table = training_table(settings, experiment.task)
    start = beginning(settings, table) if folder is None else {}  # before an image is read
    dataset, source = experiment.training_data(table)  # bad data leaves no run folder behind
    data = dataset.fingerprint()
    if folder is None:
        experiment = with_faster_precision(experiment, len(dataset.train_rows))
    with _working_in(folder, settings, lambda new: _write_beginning(new, experiment, data, start)) as own:
        until = share(settings.train.time_limit, runs=1, images=0)
        train_run(experiment, own, dataset, source, whole=own, until=until)
    return own


def _write_beginning(folder: Path, experiment: Experiment, data: str, start: dict[str, Any]) -> None:
    write_beginning(folder, experiment, data, start)
    if experiment.settings.train.final is not None:
        write_folds(folder, experiment.settings)


def _train_folds(experiment: Experiment, folder: Path | None, crew: Crew | None) -> Path:
    """Train every fold, or go on with those in ``folder``; return the folder of the whole."""
    group = CrossValidation.of(experiment, begins=folder is None)
    if folder is None:
        dataset, _ = next(iter(group.data.values()))
        group = replace(group, experiment=with_faster_precision(group.experiment, len(dataset.train_rows)))
    settings = group.experiment.settings
    if folder is not None:
        _refuse_changes(folder, settings)
        group.refuse_other_data(folder)
    with _working_in(folder, settings, group.write_beginning) as own:
        if crew is None:
            group.train(own)
        else:
            crew.train(group, own)
    return own


@contextmanager
def _working_in(folder: Path | None, settings: Settings, begin: Callable[[Path], None]) -> Iterator[Path]:
    """Keep others out of a run and log into its folder; a stop inside says how to go on.

    Args:
        folder: of a run that goes on; None = of a new one, with what ``begin`` writes.
    """
    with ExitStack() as stack:
        try:
            with signals.held():  # until there is somebody to say how to go on
                if folder is None:
                    folder = create_run(settings.paths.runs, settings.run.name, begin)
                stack.enter_context(held(folder))
                stack.enter_context(logged_to(folder / "log.txt"))

            yield folder
        except Diverged:  # going on would only repeat that
            raise
        except ResumableStop as stop:
            stop.way_on = _resuming(folder)
            raise
        except KeyboardInterrupt as stop:
            if folder is None:
                raise
            name = str(stop) or "Ctrl-C"
            error = ResumableStop(f"{name}: stopped; everything up to the last checkpoint is kept.")
            error.way_on = _resuming(folder)
            raise error from None


def _resuming(folder: Path | None) -> str:
    if folder is None:
        return ""
    return podium("--resume", "--config", folder / "config.ini", "--run", folder)


def _began_with(folder: Path) -> Settings:
    return written_settings(folder / CONFIG)


def _with_its_folds(settings: Settings, folder: Path) -> Settings:
    """Return settings with the folds and seeds of a run, where they name none of their own.

    Those of a final fit, with its epochs, are its own whatever the config says.
    """
    whole = _began_with(folder)
    began = whole.run
    if whole.train.final is not None:
        train = replace(settings.train, final=whole.train.final, epochs=whole.train.epochs)
        return replace(settings, run=replace(settings.run, folds=None, seeds=1), train=train)
    if settings.run.folds is not None:
        return settings
    seeds = began.seeds if settings.run.seeds == 1 else settings.run.seeds
    return replace(settings, run=replace(settings.run, folds=began.folds, seeds=seeds))


def _refuse_changes(folder: Path, settings: Settings) -> None:
    """A resumed run goes on as it began; only where things are and how fast may differ."""
    problems = [
        "[{}] {} was {} and is now {}".format(change.section, change.key, *brief(change.before, change.after))
        for change in changes(_began_with(folder), settings)
        if (change.section, change.key) not in _free()
    ]
    if problems:
        raise ConfigError(
            listed(f"The config, held against that of {folder},", problems)
            + f"\nUndo that, or resume with --config {quoted(folder / 'config.ini')}, or start a new run."
        )


def _say_where(settings: Settings, folder: Path) -> None:
    log.info(
        "\nScores:      %s\nTensorBoard: tensorboard --logdir %s   (this run: %s)\nPredict:     %s",
        folder / FINISHED, quoted(settings.paths.runs), folder, podium("--mode", "infer", "--run", folder),
    )  # fmt: skip

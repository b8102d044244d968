"""Trains a run, or goes on with one that was stopped."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from experiment.assemble import Experiment
from experiment.command_line import train_options
from experiment.crew import Crew, crew_of
from experiment.cross_validation import CrossValidation, Data
from experiment.data import training_table
from experiment.eval_check import check_eval
from experiment.final_fit import final_fit, write_folds
from experiment.leak import beginning
from experiment.mode import MODES, Mode
from experiment.named_runs import with_found_runs
from experiment.one_run import train_run, write_beginning
from experiment.read_settings import read_settings
from experiment.resolve import with_faster_precision, with_fitting_batch
from experiment.resume import as_it_began, free_keys, refuse_changes
from experiment.run_folder import FINISHED, check_writable, create_run, find_run, held
from experiment.settings import Settings
from experiment.time_limit import share
from utils import signals
from utils.command import podium, quoted
from utils.errors import ConfigError, Diverged, ResumableStop
from utils.logs import logged_to

log = logging.getLogger("podium")


@MODES.register
class Train(Mode):
    """Train by the config; leaves runs/<name>/<version> with its weights and scores."""

    takes = ("run", "resume", "folds", "seeds")

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        train_options(parser)

    def run(self, arguments: Namespace) -> None:
        if arguments.run is not None and not arguments.resume:
            raise ConfigError(
                "--run names a run to resume (with --resume) or to predict with (--mode infer)."
            )
        if arguments.final is not None and (arguments.folds is not None or arguments.seeds is not None):
            raise ConfigError("--final trains one model on all data: leave out --folds and --seeds.")

        short = {"train.final": arguments.final, "workers.count": arguments.workers}
        more = [f"{key}={text}" for key, text in short.items() if text is not None]
        settings = with_found_runs(read_settings(arguments, [*arguments.overrides, *more]))

        folder = None
        if arguments.resume:
            folder = find_run(settings.paths.runs, settings.run.name, arguments.run, finished=False)
            settings = as_it_began(settings, folder)

        experiment, crew = _assembled(settings, folder)
        if experiment.settings.run.folds is None:
            with _one_begun(experiment, folder) as (experiment, folder, data):
                limit = experiment.settings.train.time_limit
                until = share(limit, runs=1, images=0)  # nothing is scored after it
                train_run(experiment, folder, *data, whole=folder, until=until)
        else:
            with _folds_begun(experiment, folder) as (group, folder):
                if crew is None:
                    group.train(folder)
                else:
                    crew.train(group, folder)
        _say_where(experiment.settings, folder)


def _assembled(settings: Settings, folder: Path | None) -> tuple[Experiment, Crew | None]:
    """Return a run's pieces, and who trains its members: all that can be refused is, and no image read.

    Args:
        folder: of a run that goes on; None = of a new one.
    """
    experiment = Experiment.of(settings)
    if settings.train.final is not None and folder is None:
        experiment = experiment.with_settings(final_fit(experiment.settings, free_keys()))
    experiment.check()

    crew = crew_of(experiment.settings)
    if crew is not None:
        experiment = crew.prepare(experiment, folder)

    if folder is None:  # a run that goes on was looked at when it began
        check_writable(settings.paths.runs, settings.run.name)
        check_eval(experiment.settings, experiment.task)
        experiment = with_fitting_batch(experiment)
    return experiment, crew


@contextmanager
def _one_begun(experiment: Experiment, folder: Path | None) -> Iterator[tuple[Experiment, Path, Data]]:
    """Begin a run, or go on with that in ``folder``; yield it, its folder, which is held, and its data."""
    settings = experiment.settings  # with the names that were found in the data
    if folder is not None:
        refuse_changes(folder, settings)
    table = training_table(settings, experiment.task)
    start = beginning(settings, table) if folder is None else {}  # before an image is read
    dataset, source = experiment.training_data(table)  # bad data leaves no run folder behind
    if folder is None:
        experiment = with_faster_precision(experiment, len(dataset.train_rows))

    def begin(new: Path) -> None:
        write_beginning(new, experiment.settings, experiment.precision, dataset.fingerprint(), start)
        if experiment.settings.train.final is not None:
            write_folds(new, experiment.settings)

    with _working_in(folder, settings, begin) as run:
        yield experiment, run, (dataset, source)


@contextmanager
def _folds_begun(experiment: Experiment, folder: Path | None) -> Iterator[tuple[CrossValidation, Path]]:
    """Begin a run of every fold, or go on with that in ``folder``; yield it and its folder, which is held."""
    group = CrossValidation.of(experiment, begins=folder is None)
    if folder is None:
        dataset, _ = next(iter(group.data.values()))
        group = replace(group, experiment=with_faster_precision(group.experiment, len(dataset.train_rows)))
    settings = group.experiment.settings
    if folder is not None:
        refuse_changes(folder, settings)
        group.refuse_other_data(folder)
    with _working_in(folder, settings, group.write_beginning) as run:
        yield group, run


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


def _say_where(settings: Settings, folder: Path) -> None:
    drawn = any(callback.name == "TensorBoard" for callback in settings.callbacks)
    look = f"TensorBoard: tensorboard --logdir {quoted(settings.paths.runs)}   (this run: {folder})\n"
    predict = podium("--mode", "infer", "--run", folder)
    log.info("\nScores:      %s\n%sPredict:     %s", folder / FINISHED, look if drawn else "", predict)

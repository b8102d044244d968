"""One trial: an ordinary run in the sweep's folder, whose epochs are reported and which may be pruned."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiment.assemble import Experiment
from experiment.cross_validation import CrossValidation
from experiment.data import training_table
from experiment.members import members_of
from experiment.metrics import monitor_of
from experiment.one_run import train_run, write_beginning
from experiment.read_settings import put_over, settings_from
from experiment.resolve import without_measuring
from experiment.run_folder import FINISHED, held
from experiment.settings import Settings
from experiment.time_limit import share
from inference.scores_file import read_scores
from tools.sweep.settings import SweepSettings
from train.callbacks.base import Callback
from train.monitor import Monitor
from train.state import TrainState
from train.time_limit.clock import since_start
from utils.durable import make_folder, name_folder, remove_folder
from utils.duration import Duration
from utils.errors import PodiumError
from utils.ini import Sections, read_ini
from utils.logs import logged_to

log = logging.getLogger("podium")


class Pruned(PodiumError):
    """A trial is not worth its further epochs."""


class OutOfTime(PodiumError):
    """A run would not be over when the sweep has to be."""


class EndsInTime(Callback):
    """Stops a run that would not be over in time.

    Args:
        end: in seconds since the process's start.
    """

    def __init__(self, end: float) -> None:
        self._end, self._last, self._longest = end, since_start(), 0.0

    def on_fit_start(self, state: TrainState) -> None:
        self._last = since_start()

    def on_step_end(self, state: TrainState) -> None:
        self._look()

    def on_epoch_kept(self, state: TrainState) -> None:
        self._look()

    def _look(self) -> None:
        """Stop unless as much as ever happened between two looks, such as a validation, can happen again."""
        now = since_start()
        self._longest, self._last = max(self._longest, now - self._last), now
        if now + self._longest > self._end:
            raise OutOfTime("its time was over")


class Reports(Callback):
    """Tells a study the score of each epoch, once, and stops the run where the study sees no hope."""

    def __init__(self, trial: Any, monitor: Monitor) -> None:
        self._trial, self._monitor = trial, monitor

    def on_fit_start(self, state: TrainState) -> None:
        for entry in state.history:
            self._report(entry)

    def on_epoch_kept(self, state: TrainState) -> None:
        self._report(state.history[-1])
        if self._trial.should_prune():
            raise Pruned(f"after epoch {state.epoch}")

    def _report(self, entry: dict[str, float]) -> None:
        epoch = int(entry["epoch"])
        frozen = self._trial.storage.get_trial(self._trial._trial_id)
        if epoch not in frozen.intermediate_values:  # of a trial that was killed and is gone on with
            self._trial.report(self._monitor.value(entry), epoch)


@dataclass(frozen=True, slots=True)
class TrialRuns:
    """Makes and trains the runs of a sweep, in its folder."""

    folder: Path
    base: Path  # the config that the values are put over

    def settings(self, values: Sequence[str]) -> Settings:
        """Return the base's settings with values such as ``optimizer.lr=0.01`` over them."""
        sections: Sections = read_ini(self.base)
        put_over(sections, values)
        settings = settings_from(sections, str(self.base))
        folds = settings.of_tool(SweepSettings).folds
        return replace(settings, run=replace(settings.run, folds=folds))

    def train(self, name: str, settings: Settings, trial: Any = None, end: float | None = None) -> float:
        """Train the run of that name, or go on with it; return its score, higher being better.

        Args:
            trial: of the study, which is told of each epoch.
            end: when the sweep has to be over, in seconds since the process's start.

        Raises:
            PodiumError: the config or the data is wrong, or the run diverged, was pruned or stopped.
            OutOfTime: it would not be over in time; it can be gone on with.
        """
        folder = self.folder / name
        experiment = without_measuring(Experiment.of(settings))
        monitor = monitor_of(experiment.task, experiment.settings.train.monitor)
        if not (folder / FINISHED).exists():
            experiment.check()
            more: list[Callback] = [] if trial is None else [Reports(trial, monitor)]
            if end is not None:
                more.append(EndsInTime(end))
            until = _until(experiment.settings, end)
            if experiment.settings.run.folds is None:
                self._train_one(folder, experiment, more, until)
            else:
                self._train_folds(folder, experiment, more, until)
        return score_of(folder, monitor)

    def score(self, name: str, settings: Settings) -> float:
        """Return the score of the finished run of that name, higher being better."""
        experiment = Experiment.of(settings)
        return score_of(self.folder / name, monitor_of(experiment.task, experiment.settings.train.monitor))

    def _train_one(
        self, folder: Path, experiment: Experiment, more: Sequence[Callback], until: float | None
    ) -> None:
        dataset, source = experiment.training_data(training_table(experiment.settings, experiment.task))
        if not folder.exists():
            self._begin(
                folder,
                lambda partial: write_beginning(
                    partial, experiment.settings, experiment.precision, dataset.fingerprint()
                ),
            )
        with held(folder), logged_to(folder / "log.txt"):
            train_run(experiment, folder, dataset, source, whole=None, until=until, more=more)

    def _train_folds(
        self, folder: Path, experiment: Experiment, more: Sequence[Callback], until: float | None
    ) -> None:
        """Train a run of several folds, the first of which is reported."""
        group = CrossValidation.of(experiment, begins=not folder.exists())
        if not folder.exists():
            self._begin(folder, group.write_beginning)

        members = members_of(group.experiment.settings.run)
        images = len(next(iter(group.data.values()))[0].files)
        limit = None if until is None else Duration(until)
        with held(folder), logged_to(folder / "log.txt"):
            for number, member in enumerate(members):
                member_folder = folder / member.name
                if (member_folder / FINISHED).exists():
                    continue
                callbacks = [
                    callback for callback in more if number == 0 or not isinstance(callback, Reports)
                ]
                part = share(limit, runs=len(members) - number, images=images)
                with held(member_folder), logged_to(member_folder / "log.txt"):
                    group.train_member(member, member_folder, whole=None, until=part, more=callbacks)
            group.join(folder)

    def _begin(self, folder: Path, fill: Callable[[Path], None]) -> None:
        """Give a run its folder when it is filled; who is here holds the trial, so nobody else makes it."""
        partial = folder.with_name(f".new-{folder.name}")
        remove_folder(partial)
        make_folder(partial)
        fill(partial)
        name_folder(partial, folder)


def score_of(folder: Path, monitor: Monitor) -> float:
    """Return what a finished run reached, of several folds on all their images together; higher is better."""
    values = read_scores(folder, "scores")
    scores = values["scores"]
    if monitor.name not in scores:  # the loss, which is not there of all images together
        scores = values["of_folds"]["mean"]
    return monitor.value(scores)


def _until(settings: Settings, end: float | None) -> float | None:
    """Return when a run has to be complete: [train] time_limit is that of each."""
    limit = settings.train.time_limit
    if limit is None:
        return None
    until = since_start() + limit.seconds
    return until if end is None else min(until, end)


def repeated(settings: Settings, seed: int) -> Settings:
    """Return settings with another seed, and the folds of before."""
    run = replace(settings.run, seed=seed, split_seed=settings.run.dealing_seed)
    return replace(settings, run=run)

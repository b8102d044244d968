"""One trial: an ordinary run in the sweep's folder, whose epochs are reported and which may be pruned."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiment.assemble import Experiment
from experiment.data import training_table
from experiment.metrics import monitor_of
from experiment.one_run import train_run, write_beginning
from experiment.read_settings import put_over, settings_from
from experiment.run_folder import FINISHED, held
from experiment.settings import Settings
from inference.scores_file import read_scores
from train.callbacks.base import Callback
from train.monitor import Monitor
from train.state import TrainState
from utils.durable import make_folder, name_folder, remove_folder
from utils.errors import PodiumError
from utils.ini import Sections, read_ini
from utils.logs import logged_to

log = logging.getLogger("podium")


class Pruned(PodiumError):
    """A trial is not worth its further epochs."""


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
class Runs:
    """Makes and trains the runs of a sweep, in its folder."""

    folder: Path
    base: Path  # the config that the values are put over

    def settings(self, values: Sequence[str]) -> Settings:
        """Return the base's settings with values such as ``optimizer.lr=0.01`` over them."""
        sections: Sections = read_ini(self.base)
        put_over(sections, values)
        return settings_from(sections, str(self.base))

    def train(self, name: str, settings: Settings, trial: Any = None) -> float:
        """Train the run of that name, or go on with it; return its score, higher being better.

        Args:
            trial: of the study, which is told of each epoch.

        Raises:
            PodiumError: the config or the data is wrong, or the run diverged, was pruned or stopped.
        """
        folder = self.folder / name
        experiment = Experiment.of(settings)
        monitor = monitor_of(experiment.task, experiment.settings.train.monitor)
        if not (folder / FINISHED).exists():
            experiment.check()
            dataset, source = experiment.training_data(training_table(experiment.settings, experiment.task))
            if not folder.exists():
                self._begin(folder, experiment, dataset.fingerprint())
            with ExitStack() as stack:
                stack.enter_context(held(folder))
                stack.enter_context(logged_to(folder / "log.txt"))
                more = [] if trial is None else [Reports(trial, monitor)]
                train_run(experiment, folder, dataset, source, whole=None, more=more)
        return monitor.value(read_scores(folder, "scores")["scores"])

    def _begin(self, folder: Path, experiment: Experiment, data: str) -> None:
        """Give a run its folder when it is filled; who is here holds the trial, so nobody else makes it."""
        partial = folder.with_name(f".new-{folder.name}")
        remove_folder(partial)
        make_folder(partial)
        write_beginning(partial, experiment.settings, experiment.precision, data)
        name_folder(partial, folder)


def repeated(settings: Settings, seed: int) -> Settings:
    """Return settings with another seed, and the folds of before."""
    run = replace(settings.run, seed=seed, split_seed=settings.run.dealing_seed)
    return replace(settings, run=run)

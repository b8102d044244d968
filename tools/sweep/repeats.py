"""The best trials of a sweep once more, with other seeds: the winner of many is lucky."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.run_folder import FINISHED
from experiment.settings import Settings
from tools.sweep.budget import Budget
from tools.sweep.result import Winner, ranked
from tools.sweep.study import Study
from tools.sweep.trial import OutOfTime, TrialRuns, repeated
from utils.durable import lock, write_json
from utils.errors import Diverged

log = logging.getLogger("podium")
_DIVERGED = "diverged.json"
_AGAIN = 1.0  # seconds between two looks for what another process has left


@dataclass(frozen=True, slots=True)
class Repeats:
    """Trains the best trials with other seeds, together with any number of processes.

    Args:
        settings_of: returns the settings of a trial.
        seeds: with which each is repeated.
        most: how many trials are.
    """

    study: Study
    runs: TrialRuns
    settings_of: Callable[[object], Settings]
    seeds: Sequence[int]
    most: int
    budget: Budget

    def train(self) -> None:
        """Return when each is over, or the time is."""
        pairs = [(trial, seed) for trial in self._best() for seed in self.seeds]
        while sum(self._tried(trial, seed) for trial, seed in pairs):  # each of them, then what others left
            time.sleep(_AGAIN)

    def winners(self) -> list[Winner]:
        """Return the best trials with what they reached with other seeds, as far as these are over."""
        winners = []
        for trial in self._best() or ranked(self.study)[:1]:
            folders = [self._folder(trial, seed) for seed in self.seeds if self.most]
            finished = [folder.name for folder in folders if (folder / FINISHED).exists()]
            settings = self.settings_of(trial)
            others = tuple(self.runs.score(name, settings) for name in finished)
            diverged = sum((folder / _DIVERGED).exists() for folder in folders)
            winners.append(Winner(trial.number, trial.value, others, diverged))
        return winners

    def _best(self) -> list[Any]:
        return ranked(self.study)[: self.most]

    def _folder(self, trial: Any, seed: int) -> Path:
        return self.runs.folder / f"repeat-{trial.number:03d}-seed-{seed}"

    def _tried(self, trial: Any, seed: int) -> bool:
        """Train a repetition that is free; tell whether another process is at it."""
        folder = self._folder(trial, seed)
        if has_ended(folder):
            return False
        with lock(_lock_of(folder), wait=False) as mine:
            if not mine:
                return True
            if has_ended(folder) or not self.budget.has_room(self.study, repeats=False):
                return False

            log.info("\nTrial %d again, with seed %d", trial.number, seed)
            try:
                self.runs.train(folder.name, repeated(self.settings_of(trial), seed), end=self.budget.end)
            except Diverged:
                write_json(folder / _DIVERGED, {"seed": seed})
            except OutOfTime as error:
                log.info("Trial %d with seed %d: %s", trial.number, seed, error)
        return False


def has_ended(folder: Path) -> bool:
    """Tell whether a repetition is over, well or not."""
    return (folder / FINISHED).exists() or (folder / _DIVERGED).exists()


def is_free(folder: Path) -> bool:
    """Tell whether no process is at a repetition."""
    with lock(_lock_of(folder), wait=False) as mine:
        return mine


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")

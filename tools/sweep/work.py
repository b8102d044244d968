"""The trials of a sweep as work for several workers."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment.crew import PartedWork
from tools.sweep.budget import Budget
from tools.sweep.repeats import has_ended, is_free
from tools.sweep.study import Study
from train.time_limit.clock import since_start

log = logging.getLogger("podium")
_AGAIN = 1.0  # seconds between two looks at the study


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many runs a sweep has: trials, and ``repeat`` of them with ``seeds`` other seeds."""

    trials: int
    repeat: int
    seeds: int
    epochs: int  # of each

    @property
    def repeats(self) -> int:
        return self.repeat * self.seeds


@dataclass(slots=True)
class Trials(PartedWork):
    """What is left of a sweep: trials, and then the best of them with other seeds.

    Args:
        base: the sweep's own config.
        here: texts of ``--set`` that say where things are today.
    """

    folder: Path
    base: Path
    here: Sequence[str]
    study: Study
    sizes: Sizes
    budget: Budget
    _told: set[int] = field(default_factory=set)
    _looked: float = -_AGAIN
    _trials: list[Any] = field(default_factory=list)
    _epochs: int = 0
    _waiting: tuple[int, int] = (1, 1)  # what is left, and what of it a new worker could begin

    @property
    def called(self) -> str:  # type: ignore[override]
        return f"{self.sizes.trials} trials"

    @property
    def epochs(self) -> int:  # type: ignore[override]
        return (self.sizes.trials + self.sizes.repeats) * self.sizes.epochs

    def arguments(self) -> list[str]:
        arguments = ["--mode", "sweep", "--config", str(self.base), "--sweep", str(self.folder.absolute())]
        arguments += ["--share", str(self.budget.workers)]
        if self.budget.end is not None:
            arguments += ["--deadline", f"{time.time() + self.budget.end - since_start():.3f}"]
        for text in self.here:
            arguments += ["--set", text]
        return arguments

    def waiting(self) -> int:
        self._look()
        return self._waiting[0]

    def free(self) -> int:
        self._look()
        return self._waiting[1]

    def done(self) -> int:
        self._look()
        return self._epochs

    def tell(self) -> None:
        for trial in self._trials:
            if trial.state.is_finished() and trial.number not in self._told:
                self._told.add(trial.number)
                score = f"{trial.value:.4f}" if trial.value is not None else trial.user_attrs.get("why", "")
                log.info("Trial %d: %s %s", trial.number, trial.state.name.lower(), score)

    def _look(self) -> None:
        """Read the study and the runs' folders, at most once a second."""
        if time.monotonic() - self._looked < _AGAIN:
            return
        self._looked = time.monotonic()
        self._trials = self.study.trials()
        over = {f"trial-{trial.number:03d}" for trial in self._trials if trial.state.is_finished()}
        repeats = sorted(self.folder.glob("repeat-*"))
        self._epochs = sum(
            self.sizes.epochs if path.name in over or has_ended(path) else _epochs_in(path)
            for path in [*self.folder.glob("trial-*"), *repeats]
        )

        complete = sum(trial.state.name == "COMPLETE" for trial in self._trials)
        trials = self.sizes.trials - len(over)
        again = min(complete, self.sizes.repeat) * self.sizes.seeds - sum(map(has_ended, repeats))
        room = trials > 0 and self.budget.has_room(self.study, repeats=True)
        room = room or (again > 0 and self.budget.has_room(self.study, repeats=False))
        busy = self.study.others_train() or any(not is_free(path) for path in repeats)
        left = max(0, trials) + max(0, again)
        self._waiting = (left if room or busy else 0, left if room else 0)
        if self.budget.is_over:
            self._waiting = (0, 0)


def _epochs_in(folder: Path) -> int:
    """Return how many epochs a run has, of several folds how many each has on average."""
    files = list(folder.glob("fold-*/config.ini")) or [folder / "config.ini"]
    lines = 0
    for file in files:
        with suppress(OSError):
            lines += (file.parent / "metrics.jsonl").read_bytes().count(b"\n")
    return lines // len(files)

"""What each process of a sweep does: train trials until there are enough, and the best of them again."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.settings import Settings
from tools.sweep.budget import Budget, end_of_trials
from tools.sweep.picture import seconds_of_picture
from tools.sweep.repeats import Repeats
from tools.sweep.result import write_result
from tools.sweep.settings import SweepSettings
from tools.sweep.space import SearchSpace
from tools.sweep.study import Study
from tools.sweep.trial import OutOfTime, Pruned, TrialRuns
from tools.sweep.work import Sizes, Trials
from train.time_limit.clock import since_start
from utils.durable import lock
from utils.errors import ConfigError, Diverged, ResumableStop
from utils.read_json import read_json

log = logging.getLogger("podium")
BASE, SWEEP = "base.ini", "sweep.json"
_AGAIN = 1.0  # seconds between two looks for a trial that a killed process has left


@dataclass(frozen=True, slots=True)
class SweepProcess:
    """A process of a sweep.

    Args:
        here: texts of ``--set`` that say where things are today.
    """

    folder: Path
    settings: Settings
    space: SearchSpace
    study: Study
    runs: TrialRuns
    here: list[str]
    budget: Budget

    @classmethod
    def of(
        cls,
        folder: Path,
        settings: Settings,
        space: SearchSpace,
        here: list[str],
        workers: int,
        deadline: float | None,
    ) -> "SweepProcess":
        """Return a process of the sweep in a folder.

        Args:
            workers: how many processes share what is to be done.
            deadline: when trials have to be over, as ``time.time()``; None = as [sweep] time_limit says.
        """
        section = settings.of_tool(SweepSettings)
        name = str(read_json(folder / SWEEP).get("study", "sweep"))
        study = Study.of(folder, section, settings.run.seed, name)
        end = None
        if deadline is not None:
            end = since_start() + deadline - time.time()
        elif section.time_limit is not None:
            end = end_of_trials(section.time_limit.seconds, seconds_of_picture(), workers)
        limit = settings.train.time_limit
        run = 0.0 if limit is None else limit.seconds
        budget = Budget(end, run, section.repeat * section.seeds, max(1, workers))
        return cls(folder, settings, space, study, TrialRuns(folder, folder / BASE), here, budget)

    @property
    def section(self) -> SweepSettings:
        return self.settings.of_tool(SweepSettings)

    @property
    def repeats(self) -> Repeats:
        """The best trials with other seeds."""
        first = self.settings.run.seed + 1
        seeds = range(first, first + self.section.seeds)
        return Repeats(self.study, self.runs, self._settings_of, seeds, self.section.repeat, self.budget)

    def work(self) -> Trials:
        """Return all that is to be done, for workers."""
        section = self.section
        sizes = Sizes(section.trials, section.repeat, section.seeds, self.settings.train.epochs)
        return Trials(self.folder, self.folder / BASE, self.here, self.study, sizes, self.budget)

    def train(self) -> None:
        """Return when all trials and repetitions are over, whoever trained them, or the time is."""
        while self.budget.has_room(self.study, repeats=True):
            with self.study.next(self.section.trials) as trial:
                if trial is not None:
                    self._trial(trial)
                    continue
            if not self.study.others_train():
                break
            time.sleep(_AGAIN)
        self.repeats.train()

    def write_result(self) -> None:
        """Write what came of all of it.

        Raises:
            ResumableStop: the time was over before a trial was.
        """
        trials = self.study.trials()
        left = [trial.number for trial in trials if trial.state.name == "RUNNING"]
        if self.budget.end is not None and not self.study.over():
            raise ResumableStop("[sweep] time_limit was over before the first trial was; it is gone on with.")
        if left:
            log.info("Not over in time, and gone on with by the same command: trial %s.", _named(left))
        values = {trial.number: self._values(trial) for trial in trials}
        with lock(self.folder / ".result.lock", wait=True):
            keys, metric = list(self.space.texts()), self.settings.train.monitor
            write_result(self.folder, self.study, keys, values, self.repeats.winners(), metric)

    def _trial(self, trial: Any) -> None:
        """Train one trial and tell the study what came of it; a signal leaves it to be gone on with."""
        values = self.space.ask(trial)
        shown = ", ".join(f"{key} = {value}" for key, value in values.items())
        log.info("\nTrial %d: %s", trial.number, shown)

        try:
            settings = self.runs.settings([*self.here, *(f"{key}={value}" for key, value in values.items())])
            score = self.runs.train(f"trial-{trial.number:03d}", settings, trial, self.budget.end)
        except (Pruned, Diverged) as error:
            self._ended(trial, "PRUNED", f"{error}" if isinstance(error, Pruned) else "diverged")
        except ConfigError as error:
            self._ended(trial, "FAIL", " ".join(str(error).split()))
        except OutOfTime as error:
            log.info("Trial %d: %s", trial.number, error)
        else:
            self.study.tell(trial.number, score, "COMPLETE")
            log.info("Trial %d: %.4f", trial.number, score)

    def _ended(self, trial: Any, state: str, why: str) -> None:
        trial.set_user_attr("why", why)
        self.study.tell(trial.number, None, state)
        log.info("Trial %d: %s, %s", trial.number, {"FAIL": "refused", "PRUNED": "pruned"}[state], why)

    def _settings_of(self, trial: Any) -> Settings:
        values = [f"{key}={value}" for key, value in self._values(trial).items()]
        return self.runs.settings([*self.here, *values])

    def _values(self, trial: Any) -> Mapping[str, str]:
        """Return what a trial had, in the order of the space, as its config has it."""
        return {key: str(trial.params[key]) for key in self.space.texts() if key in trial.params}


def _named(numbers: list[int]) -> str:
    return ", ".join(f"{number:03d}" for number in numbers)

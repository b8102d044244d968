"""Looks for the best settings: trials of a space, the best few again with other seeds, one best config."""

import logging
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiment.assemble import Experiment
from experiment.changes import changes
from experiment.command_line import again
from experiment.mode import MODES, Mode
from experiment.read_settings import key_of, read_sections, settings_from, written_settings
from experiment.run_folder import create_run
from experiment.settings import Settings, is_here
from tools.sweep.result import Winner, is_finished, ranked, write_result
from tools.sweep.settings import SweepSettings
from tools.sweep.space import Space
from tools.sweep.study import Study, load_optuna
from tools.sweep.trial import Pruned, Runs, repeated
from utils.durable import lock, write_json, write_text
from utils.errors import ConfigError, Diverged, ResumableStop, listed
from utils.ini import format_ini
from utils.read_json import read_json

log = logging.getLogger("podium")
BASE, SWEEP = "base.ini", "sweep.json"
Values = dict[int, Mapping[str, str]]


@MODES.register
class Sweep(Mode):
    """Try values of [sweep.space] and keep the best config; again, the same command goes on or helps.

    Trials are ordinary runs in runs/<name>_sweep/<version>. It needs Optuna, the extra `sweep`.
    """

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--new", action="store_true", help="begin a new sweep, whatever is unfinished")

    def run(self, arguments: Namespace) -> None:
        load_optuna()
        sections = read_sections(arguments.config, arguments.overrides)
        settings = settings_from(sections, str(arguments.config))
        if settings.run.folds is not None:
            raise ConfigError(
                "[run] folds: each trial of a sweep is one run, which validates on [dataset] valid_fold. "
                "Leave out folds, and train the best config with all of them afterwards."
            )
        space = Space.of(sections)
        experiment = Experiment.of(settings)
        experiment.check()
        settings = experiment.settings  # with the names that were found in the data
        folder = _folder(settings, space, new=arguments.new)
        here = [text for text in arguments.overrides if is_here(key_of(text).rpartition(".")[0])]
        sweep = _Sweep.of(folder, settings, space, here)
        try:
            sweep.run()
        except ResumableStop as stop:
            stop.way_on = stop.way_on or again(["--mode", "sweep", "--config", str(arguments.config)])
            raise


def _folder(settings: Settings, space: Space, *, new: bool) -> Path:
    """Return the folder of the newest sweep of that name, if it can go on, or of a new one.

    Raises:
        ConfigError: an unfinished sweep began with another space or config.
    """
    runs, name = settings.paths.runs, f"{settings.run.name}_sweep"
    there = sorted((runs / name).glob("*/" + SWEEP), key=lambda path: (len(path.parent.name), path))
    if there and not new:
        folder = there[-1].parent
        problems = _changed(folder, settings, space)
        if not problems:
            return folder
        if not (folder / "result.json").exists():
            raise ConfigError(
                listed(f"The sweep in {folder} is not finished and began otherwise; it", problems)
                + "\nUndo that, or begin a new sweep with --new."
            )

    def fill(partial: Path) -> None:
        write_text(partial / BASE, format_ini(settings.texts()))
        write_json(partial / SWEEP, {"space": space.texts()})

    folder = create_run(runs, name, fill)
    log.info("New sweep: %s", folder)
    return folder


def _changed(folder: Path, settings: Settings, space: Space) -> list[str]:
    began = read_json(folder / SWEEP, needs=("space",))["space"]
    now = space.texts()
    problems = [
        f"[sweep.space] {key} was {began.get(key, 'not there')} and is now {now.get(key, 'not there')}"
        for key in sorted(began.keys() | now.keys())
        if began.get(key) != now.get(key)
    ]
    before = written_settings(folder / BASE)
    return problems + [
        f"[{one.section}] {one.key} was {one.before} and is now {one.after}"
        for one in changes(before, settings)
        if (one.section, one.key) not in (("sweep", "trials"), ("sweep", "time_limit"))
    ]


@dataclass(frozen=True, slots=True)
class _Sweep:
    folder: Path
    settings: Settings
    space: Space
    study: Study
    runs: Runs
    here: list[str]  # texts that say where things are today

    @classmethod
    def of(cls, folder: Path, settings: Settings, space: Space, here: list[str]) -> "_Sweep":
        study = Study.of(folder, settings.of_tool(SweepSettings), settings.run.seed)
        return cls(folder, settings, space, study, Runs(folder, folder / BASE), here)

    def run(self) -> None:
        """Train trials until there are enough, the best of them again, and write the result."""
        own = self.settings.of_tool(SweepSettings)
        end = None if own.time_limit is None else time.monotonic() + own.time_limit.seconds
        while end is None or time.monotonic() < end:
            with self.study.next(own.trials) as trial:
                if trial is None:
                    break
                self._trial(trial)
        winners = self._winners(own)
        if any(trial.state.name == "RUNNING" for trial in self.study.trials()) or winners is None:
            log.info("Nothing is left to begin; other processes still train in %s.", self.folder)
            return
        values = {trial.number: self._values(trial) for trial in self.study.trials()}
        with lock(self.folder / ".result.lock", wait=True):
            keys, metric = list(self.space.texts()), self.settings.train.monitor
            write_result(self.folder, self.study, keys, values, winners, metric)

    def _trial(self, trial: object) -> None:
        """Train one trial and tell the study what came of it; a signal leaves it to be gone on with."""
        values = self.space.ask(trial)  # type: ignore[arg-type]
        number: int = trial.number  # type: ignore[attr-defined]
        shown = ", ".join(f"{key} = {value}" for key, value in values.items())
        log.info("\nTrial %d: %s", number, shown)
        try:
            settings = self.runs.settings([*self.here, *(f"{key}={value}" for key, value in values.items())])
            score = self.runs.train(f"trial-{number:03d}", settings, trial)
        except (Pruned, Diverged) as error:
            self._ended(trial, number, "PRUNED", f"{error}" if isinstance(error, Pruned) else "diverged")
        except ConfigError as error:
            self._ended(trial, number, "FAIL", " ".join(str(error).split()))
        else:
            self.study.tell(number, score, "COMPLETE")
            log.info("Trial %d: %.4f", number, score)

    def _ended(self, trial: object, number: int, state: str, why: str) -> None:
        trial.set_user_attr("why", why)  # type: ignore[attr-defined]
        self.study.tell(number, None, state)
        log.info("Trial %d: %s, %s", number, {"FAIL": "refused", "PRUNED": "pruned"}[state], why)

    def _values(self, trial: object) -> Mapping[str, str]:
        """Return what a trial had, in the order of the space, as its config has it."""
        params: Mapping[str, object] = trial.params  # type: ignore[attr-defined]
        return {one.key: str(params[one.key]) for one in self.space.dimensions if one.key in params}

    def _winners(self, own: SweepSettings) -> list[Winner] | None:
        """Repeat the best trials with other seeds; None: other processes still do."""
        winners, seed = [], self.settings.run.seed
        best = ranked(self.study)
        for trial in best[: own.repeat] or best[:1]:
            values = [f"{key}={value}" for key, value in self._values(trial).items()]
            settings = self.runs.settings([*self.here, *values])
            others = []
            for other in range(seed + 1, seed + 1 + own.seeds) if own.repeat else ():
                name = f"repeat-{trial.number:03d}-seed-{other}"
                with lock(self.folder / f".{name}.lock", wait=False) as mine:
                    if not mine and not is_finished(self.folder / name):
                        return None
                    log.info("\nTrial %d again, with seed %d", trial.number, other)
                    others.append(self.runs.train(name, repeated(settings, other)))
            winners.append(Winner(trial.number, trial.value, tuple(others)))
        return winners

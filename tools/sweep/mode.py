"""Looks for the best settings: trials of a space, the best few again with other seeds, one best config."""

import logging
import secrets
from argparse import SUPPRESS, ArgumentParser, Namespace
from pathlib import Path

import torch

from experiment.assemble import Experiment
from experiment.changes import changes
from experiment.command_line import again
from experiment.crew import Crew, crew_of
from experiment.data import training_table
from experiment.mode import MODES, Mode
from experiment.read_settings import key_of, read_sections, settings_from, written_settings
from experiment.run_folder import create_run
from experiment.settings import Settings, is_here
from tools.sweep.process import BASE, SWEEP, SweepProcess
from tools.sweep.settings import SweepSettings
from tools.sweep.space import SECTION as SPACE
from tools.sweep.space import SearchSpace
from tools.sweep.study import answering, load_optuna, reach
from utils.convert import as_text
from utils.durable import write_json, write_text
from utils.errors import ConfigError, ResumableStop, listed
from utils.ini import format_ini
from utils.parent import end_with
from utils.read_json import read_json

log = logging.getLogger("podium")
_FREE = (("sweep", "trials"), ("sweep", "time_limit"))  # keys that a sweep that goes on may change


@MODES.register
class Sweep(Mode):
    """Try values of [sweep.space] and keep the best config; again, the same command goes on or helps.

    Trials are ordinary runs in runs/<name>_sweep/<version>. It needs Optuna, the extra `sweep`.
    """

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--new", action="store_true", help="begin a new sweep, whatever is unfinished")
        what = "train so many trials at a time; short for --set workers.count=..."
        parser.add_argument("--workers", metavar="N|auto", help=what)
        parser.add_argument("--sweep", type=Path, help=SUPPRESS)  # a worker's: the folder
        parser.add_argument("--share", type=int, default=1, help=SUPPRESS)  # how many workers there are
        parser.add_argument("--deadline", type=float, help=SUPPRESS)  # when trials are over, as time.time()
        parser.add_argument("--foreman", type=int, help=SUPPRESS)  # the process that started this one

    def run(self, arguments: Namespace) -> None:
        load_optuna()
        if arguments.foreman is not None:
            end_with(arguments.foreman)
        overrides = list(arguments.overrides)
        if arguments.workers is not None:
            overrides.append(f"workers.count={arguments.workers}")
        sections = read_sections(arguments.config, overrides)
        settings = settings_from(sections, str(arguments.config))
        _refuse(settings)
        space = SearchSpace.of(sections)
        experiment = Experiment.of(settings)
        experiment.check()
        _check_folds(experiment)

        there = arguments.sweep or (None if arguments.new else _newest(settings))
        experiment, crew = _dealt_out(experiment, there)
        settings = experiment.settings  # with the names that were found in the data
        folder = arguments.sweep or _folder(settings, space, there)
        here = [text for text in arguments.overrides if is_here(key_of(text).rpartition(".")[0])]
        try:
            with answering(settings.of_tool(SweepSettings).storage):
                workers = arguments.share if crew is None else crew.workers
                sweep = SweepProcess.of(folder, settings, space, here, workers, arguments.deadline)
                _do(sweep, crew, settings, alone=arguments.sweep is None)
        except ResumableStop as stop:
            stop.way_on = stop.way_on or again(["--mode", "sweep", "--config", str(arguments.config)])
            raise


def _do(sweep: SweepProcess, crew: Crew | None, settings: Settings, *, alone: bool) -> None:
    """Train what is left; who was not started as a worker then writes what came of it."""
    if crew is None:
        sweep.train()
    else:
        crew.do(sweep.work(), settings)
    if alone:
        sweep.write_result()


def _refuse(settings: Settings) -> None:
    if settings.run.folds is not None:
        raise ConfigError(
            "[run] folds: each trial of a sweep is one run, or one over [sweep] folds = all, or = 0, 2. "
            "Leave out [run] folds, and train the best config with all of them afterwards."
        )
    reach(settings.of_tool(SweepSettings).storage)


def _check_folds(experiment: Experiment) -> None:
    """Refuse folds of trials that are not in the data, before the first trial."""
    folds = experiment.settings.of_tool(SweepSettings).folds
    if not isinstance(folds, tuple):
        return
    if len(set(folds)) < len(folds):
        raise ConfigError(f"[sweep] folds = {as_text(folds)}: a fold is there twice.")
    table = training_table(experiment.settings, experiment.task)
    for fold in folds:
        table.check_fold(fold, "[sweep] folds: fold")


def _dealt_out(experiment: Experiment, there: Path | None) -> tuple[Experiment, Crew | None]:
    """Return an experiment with the threads of each trial, and who trains them if this process does not.

    Args:
        there: the folder of the sweep that may go on, with the threads with which its trials began.
    """
    began = None if there is None else read_json(there / SWEEP).get("threads")
    crew = crew_of(experiment.settings)
    if crew is not None:
        experiment = crew.deal_out(experiment, began if isinstance(began, int) else None)
    elif isinstance(began, int):
        torch.set_num_threads(began)
    return experiment, crew if crew is not None and crew.several else None


def _newest(settings: Settings) -> Path | None:
    """Return the folder of the newest sweep of that name."""
    runs = settings.paths.runs / f"{settings.run.name}_sweep"
    there = sorted(runs.glob("*/" + SWEEP), key=lambda path: (len(path.parent.name), path))
    return there[-1].parent if there else None


def _folder(settings: Settings, space: SearchSpace, there: Path | None) -> Path:
    """Return the folder of the sweep that is there, if it can go on, or of a new one.

    Raises:
        ConfigError: an unfinished sweep began with another space or config.
    """
    if there is not None:
        problems = _changed(there, settings, space)
        if not problems:
            return there
        if not (there / "result.json").exists():
            raise ConfigError(
                listed(f"The sweep in {there} is not finished and began otherwise; it", problems)
                + "\nUndo that, or begin a new sweep with --new."
            )

    name = f"{settings.run.name}_sweep"

    def fill(partial: Path) -> None:
        texts = {**settings.texts(), SPACE: space.texts()}
        write_text(partial / BASE, format_ini(texts))
        known = {"space": space.texts(), "study": f"{name}-{secrets.token_hex(8)}"}
        write_json(partial / SWEEP, {**known, "threads": torch.get_num_threads()})

    folder = create_run(settings.paths.runs, name, fill)
    log.info("New sweep: %s", folder)
    return folder


def _changed(folder: Path, settings: Settings, space: SearchSpace) -> list[str]:
    began = read_json(folder / SWEEP, needs=("space",))["space"]
    now = space.texts()
    problems = [
        f"[sweep.space] {key} was {began.get(key, 'not there')} and is now {now.get(key, 'not there')}"
        for key in sorted(began.keys() | now.keys())
        if began.get(key) != now.get(key)
    ]
    before = written_settings(folder / BASE)
    others = settings.tools.keys() - {SweepSettings.section}  # say nothing of what is trained
    return problems + [
        f"[{change.section}] {change.key} was {change.before} and is now {change.after}"
        for change in changes(before, settings)
        if (change.section, change.key) not in _FREE and change.section not in others
    ]

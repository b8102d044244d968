"""A worker by itself: helps with a run over folds that another process, or another machine, has begun."""

import logging
from argparse import SUPPRESS, ArgumentParser, Namespace
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from experiment.assemble import Experiment
from experiment.command_line import CONFIG
from experiment.cross_validation import CrossValidation
from experiment.environment import environment
from experiment.members import members_of
from experiment.mode import MODES, Mode
from experiment.read_settings import read_settings
from experiment.run_config import run_settings
from experiment.run_folder import FINISHED, find_run, held, read_environment
from experiment.settings import Settings
from tools.workers.crew import refuse_failed
from tools.workers.record import MemberRecord
from tools.workers.worker import Worker
from utils.durable import lock
from utils.errors import ConfigError
from utils.logs import logged_to
from utils.parent import end_with

log = logging.getLogger("podium")


@MODES.register
class Work(Mode):
    """Help to train a run over folds: take members that nobody trains, until none is left.

    It may run on any machine that sees the run's folder and the data (PODIUM_DATA), on a file system that
    has locks. Who finishes last joins the members.
    """

    takes = ("run",)

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--share", type=int, default=1, help=SUPPRESS)
        parser.add_argument("--deadline", type=float, help=SUPPRESS)
        parser.add_argument("--foreman", type=int, help=SUPPRESS)  # the process that started this one
        parser.add_argument("--only", help=SUPPRESS)  # this member

    def run(self, arguments: Namespace) -> None:
        if arguments.run is None:
            raise ConfigError("--mode work helps with the run that --run names: --mode work --run RUN")
        if arguments.foreman is not None:
            end_with(arguments.foreman)
        folder = _find(arguments)
        settings = run_settings(folder, arguments.overrides)
        names = [member.name for member in members_of(settings.run)]
        if not names:
            raise ConfigError(f"{folder} is not a run over folds: it has no members to help with.")
        if (folder / FINISHED).exists():
            log.info("%s is finished: nothing is left to do.", folder)
            return

        only = arguments.only
        _refuse_without_locks(folder / (only or names[0]))
        experiment = _experiment(settings, folder)
        group = CrossValidation.of(experiment, begins=False)
        group.refuse_other_data(folder)
        Worker(group, folder, max(1, arguments.share), arguments.deadline, only).work()
        if arguments.foreman is None:
            refuse_failed(folder, names)
        _join(group, folder, names)


def _find(arguments: Namespace) -> Path:
    """Return the run that is meant, finished or not."""
    path = arguments.config
    if path.exists() or path != CONFIG:
        here = read_settings(arguments)
        runs, name = here.paths.runs, here.run.name
    else:
        runs, name = Path(environment().get("PODIUM_RUNS") or "runs"), "run"
    try:
        return find_run(runs, name, arguments.run, finished=False)
    except ConfigError as error:
        try:
            return find_run(runs, name, arguments.run, finished=True)
        except ConfigError:
            raise error from None


def _experiment(settings: Settings, folder: Path) -> Experiment:
    """Return the experiment of a run with the threads that its bits depend on; say what is other here."""
    began = read_environment(folder)
    if isinstance(threads := began.get("threads"), int):
        torch.set_num_threads(threads)
    other = []
    for package, before in (began.get("versions") or {}).items():
        try:
            now = version(package)
        except PackageNotFoundError:
            now = "none"
        if now != before:
            other.append(f"{package} {before}, here {now}")
    if other:
        log.warning("%s began with %s: bits may be others.", folder, "; ".join(other))
    return Experiment.of(settings)


def _refuse_without_locks(member: Path) -> None:
    """Refuse a file system on which two processes could train one member at the same time."""
    path = member.parent / ".lock-check"
    with lock(path, wait=True), lock(path, wait=False) as both:
        if both:
            raise ConfigError(
                f"{member.parent} is on a file system without locks, so two workers could train the same "
                "member: use a disk that has them, such as NFS without nolock."
            )


def _join(group: CrossValidation, folder: Path, names: list[str]) -> None:
    """Join the members if all are finished and nobody else is about to."""
    left = [name for name in names if not MemberRecord(folder / name).is_finished]
    if left:
        log.info("Nothing is free; others still train %s.", ", ".join(left))
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except ConfigError:
            log.info("All members are finished; the process that holds %s joins them.", folder)
            return
        stack.enter_context(logged_to(folder / "log.txt"))
        if not (folder / FINISHED).exists():
            group.join(folder)

"""Looks at a submission's file before it is uploaded, whoever made it."""

import logging
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from dataset.tasks.base import Task
from experiment.data import build_task, prepare_data_folder
from experiment.eval_table import eval_table
from experiment.mode import MODES, Mode
from experiment.read_settings import key_of, settings_from
from experiment.run_config import AskedRun
from experiment.run_folder import FINISHED, find_run, is_run
from experiment.settings import Settings
from inference.columns import fitted
from inference.scores_file import read_scores
from tools.submissions.guard import WrittenRows, reference_of, report
from tools.submissions.ledger import Ledger
from tools.submissions.submission_file import read_submission
from utils.durable import sha256_of
from utils.errors import ConfigError
from utils.ini import override

log = logging.getLogger("podium")


@MODES.register
class Check(Mode):
    """Check a submission's file against the template, and its histogram against a run's and the last one's.

    The run is the one whose folder it lies in, or that of --run, or the newest finished one; without any,
    or in the folder of one that is not finished, the config says what the task is.
    """

    answers = True

    takes = ("run",)

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a submission")

    def run(self, arguments: Namespace) -> None:
        if arguments.file is None:
            raise ConfigError("--mode check takes a file: python run.py --mode check submission.csv")
        checked = ValidSubmission.of(arguments.file, arguments)
        log.info("%s: columns, %d ids, order and values are right.", arguments.file, len(checked.rows))
        checked.report(Ledger.beside(checked.settings.paths.runs), arguments.file)


@dataclass(frozen=True, slots=True)
class ValidSubmission:
    """A file that is what the organiser asks for, and the task and the run that it was held against."""

    rows: WrittenRows
    task: Task
    settings: Settings
    run: Path | None

    @classmethod
    def of(cls, file: Path, arguments: Namespace) -> "ValidSubmission":
        """Return a file's rows.

        Raises:
            DataError: lists all that is wrong with the file.
            ConfigError: there is no such run, or the config is wrong.
        """
        asked = AskedRun.of(arguments)
        here = asked.here
        run = _run_of(file, here, arguments.run)

        settings = here
        if run is not None:
            trained = asked.config_of(run)
            override(trained, [text for text in arguments.overrides if key_of(text).startswith("task.")])
            settings = settings_from(trained, str(run / "config.ini"))
            log.info("%s", asked.images(settings))

        prepare_data_folder(settings)
        task = build_task(settings)
        if run is not None:
            try:
                task = task.tuned(read_scores(run).get("tuning", {}))
            except ValueError as error:
                raise ConfigError(f"{run / FINISHED}: {error}. Train it again.") from None

        images = eval_table(settings, task)
        task = fitted(task, images)
        return cls(read_submission(file, images, task), task, settings, run)

    def report(self, ledger: Ledger, file: Path) -> None:
        """Print its histogram against the run's and the previous submission's."""
        reference = None if self.run is None else reference_of(self.run, self.task, self.settings)
        competition = ledger.competition(self.settings.paths.data, self.rows)
        report(self.rows, self.task, reference, ledger, sha256_of(file), competition)


def _run_of(file: Path, here: Settings, named: str | None) -> Path | None:
    """Return the finished run that a file is held against, if there is one."""
    folder = file.parent
    if named is None and (folder / FINISHED).exists():  # also where it has lost a file: that is then named
        return folder
    if named is None and is_run(folder):
        log.warning(
            "%s lies in %s, a run that is not finished: it has no %s. So the file is held against no run; "
            "--run names another one.", file, folder, FINISHED,
        )  # fmt: skip
        return None
    if named is None and not any((here.paths.runs / here.run.name).glob(f"*/{FINISHED}")):
        return None
    return find_run(here.paths.runs, here.run.name, named, finished=True)

"""What happens to a submission that was written: it is looked at for drift, and listed in the ledger."""

import logging
from pathlib import Path

from dataset.demo.draw import is_demo
from dataset.tasks.base import Task
from experiment.after_submission import AFTER_SUBMISSION, AfterSubmission
from experiment.command_line import CONFIG
from experiment.outputs import Outputs, can_write
from experiment.read_settings import read_sections, settings_from
from experiment.run_folder import FINISHED, read_environment
from experiment.score_words import LOWER
from experiment.settings import PathSettings, Settings
from inference.saved import is_out_of_fold
from inference.scores_file import read_scores
from tools.submissions.entry import Entry, now
from tools.submissions.guard import WrittenRows, reference_of, report
from tools.submissions.ledger import Ledger
from utils.command import podium
from utils.durable import sha256_of
from utils.errors import DataError, PodiumError

log = logging.getLogger("podium")


@AFTER_SUBMISSION.register
class Record(AfterSubmission):
    """Print what is unusual about the submission of a run, and list it in the ledger."""

    def look(self, folder: Path, rows: WrittenRows, task: Task, settings: Settings, outputs: Outputs) -> None:
        record(folder, rows, task, settings, outputs)


def record(folder: Path, rows: WrittenRows, task: Task, settings: Settings, outputs: Outputs) -> None:
    """Print what is unusual about the submission of a run, and list it in the ledger.

    Args:
        folder: the run's.
        rows: the submission's, with the id first.
        task: as it decided them.
        settings: say where the data and the ledger are.
        outputs: say where ``submission.csv`` was written.

    Raises:
        DataError: the ledger can't be read; it stays as it is.
    """
    path, data = outputs.folder(folder) / task.form.file, settings.paths.data
    ledger = _ledger(outputs, settings.paths)
    entry = entry_of(path, ledger, rows, task, data, run=folder)
    report(rows, task, reference_of(folder, task, settings), ledger, entry.sha256, entry.competition)
    if is_demo(data):
        log.info("\nOf drawn demo data, so it is not listed in %s.", ledger.path)
    elif ledger.add(entry):
        command = podium("--mode", "submitted", entry.short, "--public", "SCORE", *_finding(ledger, folder))
        log.info("\nListed as %s in %s. With its public score: %s", entry.short, ledger.path, command)
    else:
        log.info("\n%s lists this very file already, as %s.", ledger.path, entry.short)


def _ledger(outputs: Outputs, paths: PathSettings) -> Ledger:
    """Return the list of submissions: beside the runs, or with --out where nothing can be written there."""
    beside = Ledger.beside(paths.runs)
    if outputs.out is None or can_write(beside.path.parent):
        return beside
    return Ledger(outputs.out.absolute() / beside.path.name)


def _finding(ledger: Ledger, run: Path) -> list[str | Path]:
    """Return the options with which a mode reads this ledger: none where it does so by itself."""
    try:
        usual = Ledger.beside(settings_from(read_sections(CONFIG, []), str(CONFIG)).paths.runs)
    except PodiumError:  # no config here, or one of something else
        usual = None
    if usual is not None and usual.path.absolute() == ledger.path.absolute():
        return []
    return ["--config", run / "config.ini", "--set", f"paths.runs={ledger.path.parent / 'runs'}"]


def entry_of(
    path: Path, ledger: Ledger, rows: WrittenRows, task: Task, data: Path, *, run: Path | None
) -> Entry:
    """Return the entry of a file, with what is known of the run that predicted it, if one did."""
    scores = read_scores(run) if run is not None and (run / FINISHED).exists() else {}
    name = task.main_scores[0]
    low, high = scores.get("intervals", {}).get(name, (None, None))
    whole = run is not None and is_out_of_fold(run)
    competition = ledger.competition(data, rows)

    return Entry(
        when=now(),
        file=ledger.where(path),
        sha256=sha256_of(path),
        runs="" if run is None else ledger.where(run),
        commit="" if run is None else _commit(run),
        score=f"{'out-of-fold' if whole else 'validation'} {name}{'' if task.direction(name) > 0 else LOWER}"
        if name in scores.get("scores", {})
        else "",
        own=scores.get("scores", {}).get(name),
        low=low,
        high=high,
        rows=len(rows),
        data=competition.data,
        template=competition.template,
    )


def _commit(folder: Path) -> str:
    """Return the commit that trained the run of a folder; "" where nobody knows it."""
    try:
        return str(read_environment(folder).get("commit") or "")[:12]
    except DataError as error:
        log.warning("%s", error)
        return ""

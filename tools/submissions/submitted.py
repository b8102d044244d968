"""Fills in what the leaderboard said of a submission."""

import logging
import math
from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiment.mode import MODES, Mode
from experiment.read_settings import read_settings
from experiment.run_folder import FINISHED, is_run
from tools.submissions.check import ValidSubmission
from tools.submissions.entry import Entry
from tools.submissions.ledger import Ledger
from tools.submissions.record import entry_of
from tools.submissions.submissions import show
from utils.durable import sha256_of
from utils.errors import ConfigError, listed

log = logging.getLogger("podium")
_SCORES = ("public", "private")


@MODES.register
class Submitted(Mode):
    """Write what the leaderboard said of a submission into submissions.csv; without a file, print that.

    A file that is not listed yet is checked first, and then added.
    """

    takes = ("run",)

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", nargs="?", metavar="FILE", help="a submission: its path, or the beginning of its hash"
        )
        parser.add_argument("--public", metavar="SCORE", help="on the public leaderboard, such as 0.7428")
        parser.add_argument("--private", metavar="SCORE", help="on the private one, when it is out")
        parser.add_argument("--note", metavar="TEXT", help="whatever the team wants to remember")

    def run(self, arguments: Namespace) -> None:
        given = _given(arguments)
        settings = read_settings(arguments)
        ledger = Ledger.beside(settings.paths.runs)
        if arguments.file is not None:
            entry = _listed(arguments, ledger, settings.paths.data)
            _say(*ledger.fill(entry.sha256, entry.competition, **given))
        show(ledger)


def _given(arguments: Namespace) -> dict[str, float | str]:
    """Return what the command line says of a submission.

    Raises:
        ConfigError: lists what is wrong with it.
    """
    given: dict[str, float | str] = {}
    problems = []
    for name in _SCORES:
        if (text := getattr(arguments, name)) is not None:
            try:
                given[name] = float(text)
            except ValueError:
                given[name] = math.nan
            if not math.isfinite(float(given[name])):
                problems.append(f"--{name} {text} is not a number such as 0.7428")

    if arguments.note is not None:
        given["note"] = arguments.note
    if arguments.file is None and given:
        problems.append("no FILE: name a submission by its path or the beginning of its hash")
    if arguments.file is not None and not given and not problems:
        problems.append("nothing to write: give --public SCORE, --private SCORE or --note TEXT")
    if problems:
        raise ConfigError(listed("--mode submitted", problems))
    return given


def _listed(arguments: Namespace, ledger: Ledger, data: Path) -> Entry:
    """Return the entry of a file, which is checked and added if the ledger lacks it."""
    path = Path(arguments.file)
    if not path.is_file():
        return ledger.named(arguments.file, data)
    sha256 = sha256_of(path)
    known = [entry for entry in ledger.entries() if entry.sha256 == sha256]
    if len(known) == 1 and not known[0].template:  # a line of old
        return known[0]

    checked = ValidSubmission.of(path, arguments)
    competition = ledger.competition(checked.settings.paths.data, checked.rows)
    if known := [entry for entry in known if ledger.alike(entry.competition, competition)]:
        return known[0]
    checked.report(ledger, path)
    folder = path.parent
    finished = (folder / FINISHED).exists()
    run = folder if is_run(folder) and finished else None
    entry = entry_of(path, ledger, checked.rows, checked.task, checked.settings.paths.data, run=run)
    ledger.add(entry)
    where = (
        "in no run's folder" if finished or not is_run(folder) else "in that of a run that is not finished"
    )
    what = "" if run else f" It lies {where}, so its own score is not known."
    log.info("%s was not listed: added as %s.%s", path, entry.short, what)
    return entry


def _say(before: Entry, after: Entry) -> None:
    for name in (*_SCORES, "note"):
        old, new = getattr(before, name), getattr(after, name)
        if new != old:
            replaced = f", which replaces {old}" if old not in (None, "") else ""
            log.info("%s: %s %s%s", after.short, name, new, replaced)
    public = after.public
    share = after.own is not None and 0 <= after.own <= 1 and not after.lower
    if public is not None and share and not 0 <= public <= 1:
        log.warning(
            "Own scores lie in 0 to 1, but %g does not: the gap means nothing. Is it a percentage?", public
        )

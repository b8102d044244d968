"""Prints the ledger of submissions, and whether own and public scores agree."""

import logging
import math
from argparse import Namespace
from collections.abc import Sequence

from experiment.mode import MODES, Mode
from experiment.read_settings import read_settings
from tools.submissions.agreement import agreement
from tools.submissions.entry import Entry
from tools.submissions.ledger import Ledger
from utils.text_table import format_table

log = logging.getLogger("podium")
_FEWEST = 3  # pairs of scores that a correlation takes


@MODES.register
class Submissions(Mode):
    """Print the ledger submissions.csv: each submission with its own and its public score."""

    answers = True
    may_set = ("paths", "run")

    def run(self, arguments: Namespace) -> None:
        settings = read_settings(arguments)
        show(Ledger.beside(settings.paths.runs))


def show(ledger: Ledger) -> None:
    """Print a table of each competition's submissions, newest last, and how own and public scores agree."""
    competitions = ledger.by_competition()
    if not competitions:
        log.info("%s has no submission yet: python run.py --mode infer", ledger.path)
        return
    log.info("\n%s", ledger.path)
    for entries in competitions:
        if len(competitions) > 1:
            log.info("\n%s", _competition(entries[-1]))
        log.info("\n%s\n\n%s", _table(entries), "\n".join(_agreement(entries)))


def _competition(entry: Entry) -> str:
    if not entry.template:
        return "Of a competition that is not known, since an earlier version wrote these lines:"
    return f"Of the data in {entry.data} (template {entry.template}):"


def _table(entries: Sequence[Entry]) -> str:
    """Return the table; the note stands last, as it may be long, or in letters of another width."""
    best = {entry.sha256: "" for entry in entries}
    for name in ("own", "public"):
        if (first := _best(entries, name)) is not None:
            best[first.sha256] = f"{best[first.sha256]}, {name}".lstrip(", ")

    columns = ("hash", "when", "score", "own", "95 %", "public", "private", "rows", "best by")
    rows: list[tuple[str | int, ...]] = [
        (
            entry.short,
            entry.when[:16].replace("T", " "),
            entry.score or "-",
            _shown(entry.own),
            "-" if entry.low is None or entry.high is None else f"[{entry.low:.3f}, {entry.high:.3f}]",
            _shown(entry.public),
            _shown(entry.private),
            entry.rows,
            best[entry.sha256] or "-",
        )
        for entry in entries
    ]

    head, *lines = format_table(columns, rows).split("\n")
    ends = [f"{entry.file}{f'  {entry.note}' if entry.note else ''}" for entry in entries]
    return "\n".join([f"{head}  file, note", *map("  ".join, zip(lines, ends, strict=True))])


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _best(entries: Sequence[Entry], name: str) -> Entry | None:
    """Return the first submission with the best score; own ones are compared among the newest's kind."""
    if name == "own":
        entries = _alike(entries)
    having = [entry for entry in entries if getattr(entry, name) is not None]
    lower = bool(having) and [entry.lower for entry in entries if entry.score][-1:] == [True]
    return (min if lower else max)(having, key=lambda entry: getattr(entry, name), default=None)


def _alike(entries: Sequence[Entry]) -> list[Entry]:
    """Return those whose own score is of the same kind as that of the newest that has one."""
    kinds = [entry.score for entry in entries if entry.own is not None]
    return [entry for entry in entries if kinds and entry.own is not None and entry.score == kinds[-1]]


def _agreement(entries: Sequence[Entry]) -> list[str]:
    """Return lines on how own and public scores go together."""
    alike = _alike(entries)
    pairs = [
        (entry, entry.own, entry.public)
        for entry in alike
        if entry.own is not None and entry.public is not None
    ]
    if len(pairs) < _FEWEST:
        return [
            f"Own and public scores: {len(pairs)} submission(s) have both; a correlation takes {_FEWEST}. "
            "Fill one in: python run.py --mode submitted HASH --public SCORE"
        ]

    both = [entry for entry, _, _ in pairs]
    agreed = agreement([score for _, score, _ in pairs], [public for _, _, public in pairs])
    lines = [
        f"Own ({both[-1].score}) and public scores of {agreed.pairs} submissions: Pearson "
        f"{_correlation(agreed.pearson)}, Spearman {_correlation(agreed.spearman)}, "
        f"mean gap (own - public) {agreed.gap:+.4f}"
    ]

    by_own, by_public = _best(both, "own"), _best(both, "public")
    if by_own is not None and by_public is not None:
        same = by_own.sha256 == by_public.sha256
        lines.append(
            f"Both pick {by_own.short} ({by_own.file})."
            if same
            else f"By own score {by_own.short} ({by_own.file}) would be picked, "
            f"by public score {by_public.short} ({by_public.file})."
        )

    if others := len([entry for entry in entries if entry.public is not None and entry not in alike]):
        lines.append(
            f"{others} with a public score are left out: their own score is of another kind, or unknown."
        )
    return lines


def _correlation(value: float) -> str:
    return "undefined (all scores of one kind are equal)" if math.isnan(value) else f"{value:+.3f}"

"""The table of what was tried, and its place in docs/reliability.md."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.trial import GOOD, Outcome

BEGIN, END = "<!-- figures: written by make faults -->", "<!-- end of figures -->"


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each part and use, and one for all, as Markdown."""
    rows = [("Part", "Use", "Tried", "Same result", "Refused or warned, by name", "Failed")]
    for part in _in_order(outcome.part for outcome in outcomes):
        of_part = [outcome for outcome in outcomes if outcome.part == part]
        for use in _in_order(outcome.use for outcome in of_part):
            rows.append((part, use, *_counts([outcome for outcome in of_part if outcome.use == use])))
    rows.append(("**All**", "", *_counts(outcomes)))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---|---|--:|--:|--:|---|", *lines[1:]])


def _counts(outcomes: Sequence[Outcome]) -> tuple[str, str, str, str]:
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    failed = [f"{count} {verdict}" for verdict, count in verdicts.most_common() if verdict not in GOOD]
    named = verdicts["refused"] + verdicts["warned"]
    return str(len(outcomes)), str(verdicts["equal"]), str(named), ", ".join(failed) or "0"


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def put_in(document: Path, figures: str) -> None:
    """Write a table between the marks of a document.

    Raises:
        ValueError: it lacks them.
    """
    text = document.read_text(encoding="utf-8")
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{document} lacks the line {BEGIN} or {END}")
    document.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}", encoding="utf-8")

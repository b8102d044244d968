"""The table of runs as text, Markdown and CSV."""

from collections.abc import Sequence
from pathlib import Path

from tools.runs.differences import against, differing, value_of
from tools.runs.facts import COLUMNS, RunFacts
from utils.durable import write_text
from utils.metrics import in_words
from utils.tables import write_table
from utils.text_table import format_table

_TextCells = tuple[str, ...]
_HEADER: _TextCells = ("run", "score", "95 %", "folds", "min", "M weights", "started", "commit", "who")
_LONGEST = 60  # characters of a value in a text table


def as_text(runs: Sequence[RunFacts], base: RunFacts | None) -> str:
    """Return the table for a terminal."""
    header, rows = _cells(runs, base)
    return format_table(header, [tuple(_short(cell) for cell in row) for row in rows])


def as_markdown(runs: Sequence[RunFacts], base: RunFacts | None) -> str:
    """Return the table as Markdown."""
    header, rows = _cells(runs, base)
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(map(_in_markdown, line))} |\n" for line in lines)


def write_markdown(path: Path, runs: Sequence[RunFacts], base: RunFacts | None) -> None:
    """Write the table as a Markdown file."""
    write_text(path, as_markdown(runs, base))


def write_csv(path: Path, runs: Sequence[RunFacts], base: RunFacts | None) -> None:
    """Write every column, and a column for each key of the config that differs."""
    keys = differing([*runs, base] if base is not None else runs)
    rows = []
    for run in runs:
        facts = [_plain(getattr(run, name)) for name in COLUMNS]
        rows.append([*facts, *(value_of(run, key) for key in keys)])
    write_table(path, [*COLUMNS, *keys], rows)


def in_short(values: dict[str, str]) -> str:
    """Return keys and values in a line."""
    return "; ".join(f"{key} = {value}" for key, value in values.items())


def _cells(runs: Sequence[RunFacts], base: RunFacts | None) -> tuple[_TextCells, list[_TextCells]]:
    metrics = {run.metric for run in runs if run.metric}
    name = in_words(next(iter(metrics))) if len(metrics) == 1 else "score"
    header = tuple(name if column == "score" else column for column in _HEADER)
    rows = [_row(run, several=len(metrics) > 1) for run in runs]
    if base is None:
        return header, rows
    wider = [(*row, _changes(base, run)) for row, run in zip(rows, runs, strict=True)]
    return (*header, f"differs from {base.run}"), wider


def _changes(base: RunFacts, run: RunFacts) -> str:
    if run.path == base.path:
        return "(the base)"
    return in_short(against(base, run)) or "(nothing)"


def _row(run: RunFacts, *, several: bool) -> _TextCells:
    if run.score is None:
        score, interval = run.state, "-"
    else:
        score = f"{run.score:.4f}" + (f" {in_words(run.metric)}" if several else "")
        interval = f"[{run.low:.3f}, {run.high:.3f}]"

    if run.state == "final fit" and run.score is not None:
        score += " (its folds)"

    return (
        run.run,
        score,
        interval,
        run.folds or "-",
        "-" if run.minutes is None else f"{run.minutes:.1f}",
        "-" if run.weights is None else f"{run.weights:g}",
        run.started[:16].replace("T", " ") or "-",
        run.commit or "-",
        run.who or "-",
    )


def _plain(value: object) -> object:
    return "" if value is None else value


def _short(cell: str) -> str:
    return cell if len(cell) <= _LONGEST else f"{cell[: _LONGEST - 4]} ..."


def _in_markdown(cell: str) -> str:
    r"""Return a cell that stays one: ``|`` ends it, and ``<`` would begin HTML."""
    for mark in "\\|<`*_[":
        cell = cell.replace(mark, f"\\{mark}")
    return cell.replace("\n", " ")

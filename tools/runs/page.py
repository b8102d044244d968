"""The page of all runs: a table, their learning curves over each other, and what their settings did."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.runs.choice import goodness
from tools.runs.differences import against, differing, value_of
from tools.runs.facts import RunFacts
from tools.runs.table import in_short
from utils.durable import write_text
from utils.metrics import in_words
from utils.web_page import script_page

_PAGES = Path(__file__).parent / "pages"
_REPORT = Path("review", "report.html")  # in the folder of a run that was reviewed
_MOST_POINTS = 200  # of a curve


def write_page(path: Path, runs: Sequence[RunFacts], base: RunFacts | None) -> None:
    """Write the page, in one file without anything from elsewhere."""
    write_text(path, script_page(_PAGES, "runs", page_data(path, runs, base)))


def page_data(path: Path, runs: Sequence[RunFacts], base: RunFacts | None) -> dict[str, Any]:
    """Return what the page shows, as plain values."""
    usable = [run for run in runs if run.state != "damaged"]
    keys = differing([*usable, base] if base is not None else usable)
    metrics = dict.fromkeys(run.metric for run in usable if run.metric)
    words = {name: in_words(name) for name in metrics}
    problems = [f"{run.path}: {run.problem}" for run in runs if run.problem]
    return {
        "metrics": words,
        "keys": keys,
        "base": None if base is None else base.run,
        "damaged": problems,
        "runs": [_of_run(path, run, keys, base) for run in usable],
    }


def _of_run(path: Path, run: RunFacts, keys: Sequence[str], base: RunFacts | None) -> dict[str, Any]:
    report = Path(run.path) / _REPORT

    return {
        "run": run.run,
        "state": run.state,
        "metric": run.metric,
        "score": run.score,
        "good": None if run.score is None else goodness(run),
        "low": run.low,
        "high": run.high,
        "folds": run.folds,
        "minutes": run.minutes,
        "weights": run.weights,
        "started": run.started[:16].replace("T", " "),
        "commit": run.commit,
        "who": run.who,
        "folder": _link(path, Path(run.path)),
        "report": _link(path, report) if report.is_file() else None,
        "values": [value_of(run, key) for key in keys],
        "differs": None if base is None else in_short(against(base, run)),
        "curves": {name: _thinned(values) for name, values in run.curves.items()},
    }


def _thinned(curve: Sequence[float | None]) -> list[tuple[int, float | None]]:
    """Return epochs, from 1, and values of a curve, of a long one some."""
    step = -(-len(curve) // _MOST_POINTS)
    last = len(curve) - 1
    return [(i + 1, value) for i, value in enumerate(curve) if i % step == 0 or i == last]


def _link(page: Path, target: Path) -> str:
    """Return the address of a file or folder as seen from the page, so that both can be moved together."""
    return quote(os.path.relpath(target.absolute(), page.absolute().parent))

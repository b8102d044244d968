"""The pictures of a sweep: its scores in the order of the trials, and which keys mattered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def history_picture(scores: Sequence[float | None], pruned: Sequence[bool], metric: str) -> bytes:
    """Return a PNG of each trial's score and the best so far.

    Args:
        scores: of each trial; None of one that has none.
        pruned: which of them were stopped early.
    """
    # matplotlib takes a third of a second, and whoever looks for modes imports this file.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for label, marker, wanted in (("finished", "o", False), ("pruned", "x", True)):
        shown = [
            (number, score)
            for number, (score, out) in enumerate(zip(scores, pruned, strict=True))
            if score is not None and out == wanted
        ]
        axes.plot([number for number, _ in shown], [score for _, score in shown], marker, label=label)

    best: list[float] = []
    for score, out in zip(scores, pruned, strict=True):
        before = best[-1] if best else float("nan")
        better = score is not None and not out and not score <= before
        best.append(score if better and score is not None else before)
    axes.step(range(len(best)), best, where="post", label="best so far")
    axes.set(xlabel="trial", ylabel=metric)
    axes.legend()
    return _png(figure)


def importance_picture(importance: Mapping[str, float]) -> bytes:
    """Return a PNG of the share of the scores' spread that each key explains."""
    # matplotlib takes a third of a second, and whoever looks for modes imports this file.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1 + 0.4 * len(importance)), layout="constrained")
    axes = figure.subplots()
    names = list(importance)[::-1]
    axes.barh(names, [importance[name] for name in names])
    axes.set(xlabel="share of the spread of the scores", xlim=(0, 1))
    return _png(figure)


def seconds_of_picture() -> float:
    """Return how long the first picture of a process takes: what a sweep's result will take at most."""
    started = time.perf_counter()
    history_picture([0.0, None], [False, True], "score")
    return time.perf_counter() - started


def _png(figure: Figure) -> bytes:
    from train.pictures.figures import rendered  # matplotlib

    _, coded = cv2.imencode(".png", cv2.cvtColor(rendered(figure), cv2.COLOR_RGB2BGR))
    return coded.tobytes()

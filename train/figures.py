"""Plots for people, as arrays (no global figure, so no leak)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inference.calibration import Reliability
from train.drawing import Picture
from utils.durable import write_bytes

matplotlib.use("Agg")


def reliability_picture(found: Mapping[str, Reliability]) -> Picture:
    """Return a diagram for each view: the share of answers that is right by how sure they are, and counts."""
    figure = Figure(figsize=(4.2 * len(found), 4.6), dpi=100, layout="constrained")
    grid = figure.subplots(2, len(found), squeeze=False, height_ratios=(3, 1), sharex=True)
    for column, (view, one) in enumerate(found.items()):
        above, below = grid[0][column], grid[1][column]
        middle = [(part.low + part.high) / 2 for part in one.bins]
        width = one.bins[0].high - one.bins[0].low
        right = np.array([part.accuracy for part in one.bins])
        ends = np.array([(part.interval.low, part.interval.high) for part in one.bins]).T
        above.bar(middle, right, width, color="tab:blue", alpha=0.6, edgecolor="white")
        above.errorbar(middle, right, np.abs(ends - right), fmt="none", ecolor="black", elinewidth=1)
        above.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
        above.set_title(f"{view}: error {one.error:.3f} {one.interval}", fontsize=10)
        below.bar(middle, [part.answers for part in one.bins], width, color="grey", edgecolor="white")
        below.set_xlabel("confidence", fontsize=8)
        if column == 0:
            above.set_ylabel("share that is right", fontsize=8)
            below.set_ylabel("answers", fontsize=8)
        above.set_xlim(0, 1)
        above.set_ylim(0, 1)
    return _rendered(figure)


def alike_picture(
    names: Sequence[str], disagreement: NDArray[np.float64], wrong: NDArray[np.float64]
) -> Picture:
    """Return two matrices (M, M): how often members disagree, and how their being wrong correlates."""
    side, space = max(2.2, 0.55 * len(names)), 0.5 + 0.085 * max(map(len, names))  # inches
    across, high = side + space, side + space + 0.3
    figure = Figure(figsize=(2 * across, high), dpi=100)
    for number, (title, values) in enumerate(
        (("share of images answered differently", disagreement), ("correlation of being wrong", wrong))
    ):
        place = (
            (number * across + space - 0.1) / (2 * across),
            space / high,
            side / (2 * across),
            side / high,
        )
        axes = figure.add_axes(place)
        axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_title(title, fontsize=8)
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if value > 0.5 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
    return _rendered(figure)


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture durably as a PNG file."""
    _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_bytes(path, coded.tobytes())


def _rendered(figure: Figure) -> Picture:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return np.asarray(pixels, dtype=np.uint8)[..., :3].copy()

"""Pictures for people: confusion matrices and sheets of images, as arrays (no global figure, so no leak)."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dataset.confusion import Confusion
from inference.calibration import Reliability
from utils.durable import write_bytes

matplotlib.use("Agg")
Picture = NDArray[np.uint8]  # (H, W, 3)


def confusion_picture(confusions: Sequence[tuple[str, Confusion]]) -> Picture:
    """Return matrices side by side: colour = share of the true label's images, number = images."""
    most = max(len(confusion.labels) for _, confusion in confusions)
    longest = max(len(label) for _, confusion in confusions for label in confusion.labels)
    side, names = max(2.2, 0.5 * most), 0.5 + 0.075 * longest  # inches: a matrix, and its labels
    across, high = side + names, side + names + 0.3
    figure = Figure(figsize=(across * len(confusions), high), dpi=100)
    for column, (name, confusion) in enumerate(confusions):
        left = (column * across + names - 0.1) / (across * len(confusions))
        place = (left, names / high, side / (across * len(confusions)), side / high)
        _draw_matrix(figure.add_axes(place), name, confusion)
    return _rendered(figure)


def curves_picture(curves: Mapping[str, Sequence[float]], title: str) -> Picture:
    """Return lines over the epochs, from 1, of values in [0, 1], a colour and a mark for each name."""
    figure = Figure(figsize=(8, 4.5), dpi=100)
    axes = figure.add_axes((0.06, 0.1, 0.74, 0.82))
    for (name, values), mark in zip(curves.items(), itertools.cycle("osv^D*PX"), strict=False):
        axes.plot(range(1, len(values) + 1), values, marker=mark, markersize=4, label=name)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _rendered(figure)


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


def image_sheet(images: NDArray[np.uint8], captions: Sequence[str], title: str, columns: int = 8) -> Picture:
    """Return images (N, H, W, 3) in rows with a caption of at most two lines above each."""
    width, gap, text = 142, 8, 34  # pixels
    height = round(width * images.shape[1] / images.shape[2])
    rows = -(-len(images) // columns)
    high, across = rows * (height + text) + text, columns * (width + gap)
    # One picture of text, on which the images are put: a plot for each would take a hundred times as long.
    figure = Figure(figsize=(across / 100, high / 100), dpi=100)
    places = []
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top = text + number // columns * (height + text) + text
        left = number % columns * (width + gap) + gap // 2
        places.append((top, left, cv2.resize(image, (width, height))))
        x, y = (left + width / 2) / across, 1 - (top - 4) / high
        figure.text(x, y, caption, fontsize=6.5, ha="center", va="bottom")
    figure.text(0.5, 1 - 8 / high, title, fontsize=10, ha="center", va="top")
    sheet = _rendered(figure)
    for top, left, image in places:
        sheet[top : top + height, left : left + width] = image
    return sheet


def _draw_matrix(axes: Axes, name: str, confusion: Confusion) -> None:
    counts = confusion.counts
    share = counts / np.maximum(1, confusion.images[:, None])
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ticks = np.arange(len(confusion.labels))
    axes.set_xticks(ticks, confusion.labels, rotation=90, fontsize=8)
    axes.set_yticks(ticks, confusion.labels, fontsize=8)
    axes.set_xlabel("predicted", fontsize=8)
    axes.set_ylabel("true", fontsize=8)
    axes.set_title(name, fontsize=10)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7, color=colour)


def _rendered(figure: Figure) -> Picture:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return np.asarray(pixels, dtype=np.uint8)[..., :3].copy()

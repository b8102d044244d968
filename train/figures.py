"""Pictures for people: confusion matrices and sheets of images, as arrays (no global figure, so no leak)."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dataset.task import Confusion

matplotlib.use("Agg")
Picture = NDArray[np.uint8]  # (H, W, 3)


def confusion_picture(confusions: Sequence[tuple[str, Confusion]]) -> Picture:
    """Return matrices side by side: colour = share of the true label's images, number = images."""
    most = max(len(confusion.labels) for _, confusion in confusions)
    side = 3.2 if most < 6 else 0.55 * most + 2
    figure = Figure(figsize=(side * len(confusions) + 0.5, side), dpi=100, layout="constrained")
    for column, (name, confusion) in enumerate(confusions, start=1):
        _draw_matrix(figure, (1, len(confusions), column), name, confusion)
    return _rendered(figure)


def curves_picture(curves: Mapping[str, Sequence[float]], title: str) -> Picture:
    """Return lines over the epochs, from 1, of values in [0, 1], a colour and a mark for each name."""
    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for (name, values), mark in zip(curves.items(), itertools.cycle("osv^D*PX"), strict=False):
        axes.plot(range(1, len(values) + 1), values, marker=mark, markersize=4, label=name)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _rendered(figure)


def image_sheet(images: NDArray[np.uint8], captions: Sequence[str], title: str, columns: int = 8) -> Picture:
    """Return images (N, H, W, 3) in rows with a caption above each."""
    rows = -(-len(images) // columns)
    height = 1.5 * images.shape[1] / images.shape[2] + 0.62
    figure = Figure(figsize=(1.5 * columns, height * rows + 0.4), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=10)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(image)
        axes.set_title(caption, fontsize=6.5)
        axes.axis("off")
    return _rendered(figure)


def _draw_matrix(figure: Figure, place: tuple[int, int, int], name: str, confusion: Confusion) -> None:
    counts = confusion.counts
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes = figure.add_subplot(*place)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ticks = np.arange(len(confusion.labels))
    axes.set_xticks(ticks, confusion.labels, rotation=90 if len(ticks) > 5 else 30, fontsize=8)
    axes.set_yticks(ticks, confusion.labels, fontsize=8)
    axes.set_xlabel("predicted", fontsize=8)
    axes.set_ylabel("true", fontsize=8)
    axes.set_title(name, fontsize=10)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=7,
            color=colour,
        )


def _rendered(figure: Figure) -> Picture:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return np.asarray(pixels, dtype=np.uint8)[..., :3].copy()

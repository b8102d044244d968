"""How different the members of an ensemble are, as a picture."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.pictures.drawing import Picture


def alike_picture(
    names: Sequence[str], matrices: Sequence[NDArray[np.float64]], titles: Sequence[str]
) -> Picture:
    """Return matrices (M, M) of values up to 1, beside each other: of each pair of members something."""
    # matplotlib takes a third of a second, and whoever looks for modes imports this file.
    from matplotlib.figure import Figure

    from train.pictures.figures import rendered

    side, space = max(2.2, 0.55 * len(names)), 0.5 + 0.085 * max(map(len, names))  # inches
    across, high = side + space, side + space + 0.3
    figure = Figure(figsize=(2 * across, high), dpi=100)
    for number, (title, values) in enumerate(zip(titles, matrices, strict=True)):
        box = (
            (number * across + space - 0.1) / (2 * across),
            space / high,
            side / (2 * across),
            side / high,
        )
        axes = figure.add_axes(box)
        axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_title(title, fontsize=8)
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if value > 0.5 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
    return rendered(figure)

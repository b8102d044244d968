"""How right a model is by how sure it says it is, as a picture."""

from collections.abc import Mapping

import numpy as np

from tools.review.calibration import Reliability
from train.pictures.drawing import Picture


def reliability_picture(reliabilities: Mapping[str, Reliability]) -> Picture:
    """Return a diagram for each question: the share that is right by how sure they are, and counts."""
    # matplotlib takes a third of a second, and whoever looks for modes imports this file.
    from matplotlib.figure import Figure

    from train.pictures.figures import rendered

    figure = Figure(figsize=(4.2 * len(reliabilities), 4.6), dpi=100, layout="constrained")
    grid = figure.subplots(2, len(reliabilities), squeeze=False, height_ratios=(3, 1), sharex=True)
    for column, (question, reliability) in enumerate(reliabilities.items()):
        above, below = grid[0][column], grid[1][column]
        middle = [(part.low + part.high) / 2 for part in reliability.bins]
        width = reliability.bins[0].high - reliability.bins[0].low
        right = np.array([part.accuracy for part in reliability.bins])
        ends = np.array([(part.interval.low, part.interval.high) for part in reliability.bins]).T

        above.bar(middle, right, width, color="tab:blue", alpha=0.6, edgecolor="white")
        above.errorbar(middle, right, np.abs(ends - right), fmt="none", ecolor="black", elinewidth=1)
        above.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
        above.set_title(f"{question}: error {reliability.error:.3f} {reliability.interval}", fontsize=10)
        above.set_xlim(0, 1)
        above.set_ylim(0, 1)

        below.bar(middle, [part.answers for part in reliability.bins], width, color="grey", edgecolor="white")
        below.set_xlabel("confidence", fontsize=8)
    grid[0][0].set_ylabel("share that is right", fontsize=8)
    grid[1][0].set_ylabel("answers", fontsize=8)
    return rendered(figure)

"""Answers against true numbers, and how far off they are, as pictures."""

from collections.abc import Sequence

import numpy as np

from tools.review.residuals import Residuals, tenths
from train.pictures.drawing import Picture


def number_picture(every: Sequence[Residuals]) -> Picture:
    """Return for each question the answers by the truth, on the line where they agree, and their errors."""
    # matplotlib takes a third of a second, and whoever looks for modes imports this file.
    from matplotlib.figure import Figure

    from train.pictures.figures import rendered

    figure = Figure(figsize=(9.6, 4.6 * len(every)), dpi=100, layout="constrained")
    grid = figure.subplots(len(every), 2, squeeze=False)
    for (left, right), residuals in zip(grid, every, strict=True):
        truth, answer, error = residuals.truth, residuals.answer, residuals.error
        far = residuals.suspects
        left.scatter(truth, answer, s=9, alpha=0.5, color="tab:blue", linewidths=0)
        left.scatter(truth[far], answer[far], s=26, color="tab:red", linewidths=0, label="may be wrong")
        ends = [min(truth.min(), answer.min()), max(truth.max(), answer.max())]
        left.plot(ends, ends, "--", color="grey", linewidth=1, label="answer = truth")

        ranges = tenths(truth)
        middle = [[np.median(values[part]) for part in ranges] for values in (truth, answer)]
        left.plot(*middle, "o-", color="black", markersize=3, linewidth=1, label="medians of tenths")
        left.set_title(residuals.question, fontsize=10)
        left.set_xlabel("truth", fontsize=8)
        left.set_ylabel("answer", fontsize=8)
        left.legend(fontsize=8)

        right.hist(error, bins="auto" if len(np.unique(error)) > 1 else 1, color="tab:blue", alpha=0.6)
        right.axvline(0, color="grey", linestyle="--", linewidth=1)
        mae = np.abs(error).mean()
        right.set_title(f"mean error {error.mean():+.4g}, mean size {mae:.4g}", fontsize=10)
        right.set_xlabel("answer - truth", fontsize=8)
        right.set_ylabel("images", fontsize=8)
    return rendered(figure)

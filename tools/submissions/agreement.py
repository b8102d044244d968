"""Whether a team's own scores and the board's say the same."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two scores of the same submissions go together."""

    pairs: int
    pearson: float  # in [-1, 1]; of the values; nan where one of both never changes
    spearman: float  # the same of their ranks
    gap: float  # the mean of own - public


def agreement(own_scores: Sequence[float], public_scores: Sequence[float]) -> Agreement:
    """Return how own and public scores of the same submissions (N) agree."""
    from scipy import stats  # half a second, which no other mode is to spend

    ours, public = np.asarray(own_scores, dtype=np.float64), np.asarray(public_scores, dtype=np.float64)
    gap = float((ours - public).mean())
    if np.ptp(ours) == 0 or np.ptp(public) == 0:
        return Agreement(len(ours), math.nan, math.nan, gap)
    pearson, spearman = stats.pearsonr(ours, public), stats.spearmanr(ours, public)
    return Agreement(len(ours), float(pearson.statistic), float(spearman.statistic), gap)

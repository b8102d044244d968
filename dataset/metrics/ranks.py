"""Places in an order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.evidence import Evidence
from dataset.metrics.means import sure_of_true


def rank_of_true(evidence: Evidence) -> NDArray[np.int64]:
    """Return how many labels are likelier than the true one, or as likely and later (M,)."""
    sure, true = sure_of_true(evidence)
    of_true = sure[np.arange(len(true)), true][:, None]
    later = np.arange(sure.shape[1]) > true[:, None]
    return np.asarray(((sure > of_true) | ((sure == of_true) & later)).sum(axis=1))


class Ties:
    """Values (N,) in order, those that are equal together: sorted once, counted often."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(values) else np.zeros(0, bool)
        self.starts = np.flatnonzero(first)
        self.ends = np.append(self.starts[1:], len(values))[: len(self.starts)] - 1  # the last of each tie
        self.tie = np.cumsum(first) - 1  # of each place in the order, which tie it belongs to

    def sums(self, amounts: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sum of amounts (N,) in each tie, from the lowest value up."""
        ordered = amounts[self.order].astype(np.float64)
        return np.add.reduceat(ordered, self.starts) if len(ordered) else np.zeros(0)

    def ranks(self, weights: NDArray[Any]) -> NDArray[np.float64]:
        """Return the rank of each value (N,) where each is there so often; equal ones share their mean."""
        counts = self.sums(weights)
        middle = np.cumsum(counts) - (counts - 1) / 2
        ranks = np.empty(len(self.order))
        ranks[self.order] = middle[self.tie]
        return ranks

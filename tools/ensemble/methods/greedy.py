"""Greedy selection with replacement.

Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004.
"""

import math

import torch
from torch import Tensor

from dataset.tasks.base import Task
from tools.ensemble.methods.base import (
    ENSEMBLES,
    Ensemble,
    Fitted,
    Members,
    Probabilities,
    Truth,
    best_weights,
    count_of,
    weighted,
)

_ROUNDS = 30
_PATIENCE = 8  # rounds without a better score


@ENSEMBLES.register
class Greedy(Ensemble):
    """The mean of members that are taken one after the other, also again: each time the one that helps most.

    Of all rounds the one that scored best is kept, so it scores no worse than the best member on what it
    was fitted on.
    """

    def fit(self, members: Members, truth: Truth) -> Fitted:
        alone = torch.eye(count_of(members), dtype=torch.float64)
        taken = _taken(members, truth)
        weights = best_weights([taken / taken.sum(), *alone], members, truth)
        return {"weights": weights.tolist()}

    def combine(self, members: Members, fitted: Fitted, task: Task) -> Probabilities:
        return weighted(members, torch.tensor(fitted["weights"], dtype=torch.float64))


def _taken(members: Members, truth: Truth) -> Tensor:
    """Return how often each member was taken (M,) when the score was best."""
    count = count_of(members)
    taken = best = torch.zeros(count, dtype=torch.float64)
    total = {space: torch.zeros_like(of[0]) for space, of in members.items()}
    best_score, best_round = -math.inf, 0
    for number in range(1, _ROUNDS + 1):
        scores = [
            truth.score({space: (total[space] + of[member]) / number for space, of in members.items()})
            for member in range(count)
        ]
        chosen = scores.index(max(scores))
        taken = taken + torch.eye(count, dtype=torch.float64)[chosen]
        total = {space: total[space] + of[chosen] for space, of in members.items()}
        if scores[chosen] > best_score:
            best, best_score, best_round = taken, scores[chosen], number
        if number - best_round >= _PATIENCE:
            break
    return best

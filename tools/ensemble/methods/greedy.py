"""Greedy selection with replacement.

Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004.
"""

import math

import torch
from torch import Tensor

from dataset.tasks.base import Task
from tools.ensemble.methods.base import (
    ENSEMBLES,
    Fitted,
    MemberProbabilities,
    Method,
    SpaceProbabilities,
    Truth,
    best_weights,
    count_of,
    weighted,
)

_ROUNDS = 30
_PATIENCE = 8  # rounds without a better score


@ENSEMBLES.register
class Greedy(Method):
    """The mean of members that are taken one after the other, also again: each time the one that helps most.

    Of all rounds the one that scored best is kept, so it scores no worse than the best member on what it
    was fitted on.
    """

    of_numbers = True

    def fit(self, members: MemberProbabilities, truth: Truth) -> Fitted:
        alone = torch.eye(count_of(members), dtype=torch.float64)
        taken = _taken(members, truth)
        weights = best_weights([taken / taken.sum(), *alone], members, truth)
        return {"weights": weights.tolist()}

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        return weighted(members, torch.tensor(fitted["weights"], dtype=torch.float64))


def _taken(members: MemberProbabilities, truth: Truth) -> Tensor:
    """Return how often each member was taken (M,) when the score was best."""
    count = count_of(members)
    taken = best = torch.zeros(count, dtype=torch.float64)
    total = {space: torch.zeros_like(stacked[0]) for space, stacked in members.items()}
    best_score, best_round = -math.inf, 0

    for number in range(1, _ROUNDS + 1):
        scores = [truth.score(_mean_with(total, members, member, number)) for member in range(count)]
        chosen = scores.index(max(scores))
        taken = taken + torch.eye(count, dtype=torch.float64)[chosen]
        total = _added(total, members, chosen)

        # A worse round may lead to a better one, so it goes on for a while.
        if scores[chosen] > best_score:
            best, best_score, best_round = taken, scores[chosen], number
        if number - best_round >= _PATIENCE:
            break
    return best


def _added(total: SpaceProbabilities, members: MemberProbabilities, member: int) -> SpaceProbabilities:
    return {space: total[space] + stacked[member] for space, stacked in members.items()}


def _mean_with(
    total: SpaceProbabilities, members: MemberProbabilities, member: int, count: int
) -> SpaceProbabilities:
    """Return the mean of ``count`` members, of which one is added to the total of the others."""
    return {space: values / count for space, values in _added(total, members, member).items()}

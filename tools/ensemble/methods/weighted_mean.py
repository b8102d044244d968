"""A mean whose weights are searched."""

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

_SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)  # tried for each member
_SWEEPS = 4


@ENSEMBLES.register
class WeightedMean(Method):
    """The mean with the weights that score best, searched one member's share at a time.

    The others keep their proportions. Equal weights, and each member alone, are tried too, so it scores no
    worse than any of these on what it was fitted on.
    """

    of_numbers = True

    def fit(self, members: MemberProbabilities, truth: Truth) -> Fitted:
        count = count_of(members)
        equal = torch.full((count,), 1 / count, dtype=torch.float64)
        searched = _searched(equal, members, truth) if count > 1 else equal
        alone = torch.eye(count, dtype=torch.float64)
        return {"weights": best_weights([equal, searched, *alone], members, truth).tolist()}

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        return weighted(members, torch.tensor(fitted["weights"], dtype=torch.float64))


def _searched(weights: Tensor, members: MemberProbabilities, truth: Truth) -> Tensor:
    """Return weights where no other share of a single member is better, or those after a few sweeps."""
    score = truth.score(weighted(members, weights))
    for _ in range(_SWEEPS):
        before = score

        for member in range(len(weights)):
            others = _without(weights, member)
            rest = weighted(members, others)
            for share in _SHARES:
                mixed = {
                    space: torch.lerp(rest[space], stacked[member], share)
                    for space, stacked in members.items()
                }
                if (tried := truth.score(mixed)) > score:
                    weights, score = others * (1 - share), tried
                    weights[member] = share
        if score == before:
            break
    return weights


def _without(weights: Tensor, member: int) -> Tensor:
    """Return the weights of the others, in their proportions; equal ones if they had none."""
    others = weights.clone()
    others[member] = 0
    if not others.any():
        others = torch.ones_like(weights)
        others[member] = 0
    return others / others.sum()

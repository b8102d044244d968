"""Scores that are not those of the images that something was fitted on.

What is fitted, the ensemble and then the decision, is fitted on the other people and applied to these, part
after part. Varma and Simon, "Bias in Error Estimation When Using Cross-Validation for Model Selection", 2006.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.readers.folds import split
from tools.ensemble.decisions.base import Decision
from tools.ensemble.methods.base import MemberProbabilities, Method, SpaceProbabilities, Truth, rows_of
from utils.errors import ConfigError

PARTS = 5
_SEED = 0  # of whatever run, so that everybody gets the same parts


def deal_parts(labels: NDArray[np.bool_], groups: Sequence[str], parts: int = PARTS) -> Tensor:
    """Return the part (N,) of each image; no group is in two of them.

    Args:
        labels: (N, K) which labels each image has.
        groups: (N) whose image it is.

    Raises:
        ConfigError: there is one group only.
    """
    if len(set(groups)) < 2:
        raise ConfigError(
            "All of these images are of one group: whatever is fitted on them can't be tested on others."
        )
    return torch.from_numpy(split(labels, groups, min(parts, len(set(groups))), _SEED))


def own_parts(folds: Sequence[Sequence[str]], groups: Sequence[str]) -> Tensor | None:
    """Return the folds that all members have as parts (N,); None where they have no such folds.

    Args:
        folds: for each member the fold (N) in which it validated each image.
        groups: (N) whose image it is.
    """
    first, *others = [np.unique(np.asarray(of_member), return_inverse=True)[1] for of_member in folds]
    several = len(set(first.tolist())) > 1
    whole = len(set(zip(groups, first.tolist(), strict=True))) == len(set(groups))
    if several and whole and all((first == other).all() for other in others):
        return torch.from_numpy(first)
    return None


def cross_fitted(
    ensemble: Method,
    decisions: Mapping[str, Decision],
    members: MemberProbabilities,
    truth: Truth,
    part: Tensor,
) -> dict[str, SpaceProbabilities]:
    """Return each image's probabilities by an ensemble that was fitted on the other parts only.

    The key is ``""`` for those of the ensemble, and the name of each decision for those with it, which it
    made in the spaces of ``truth.joined``.
    """
    whole: dict[str, SpaceProbabilities] = {}
    for number in sorted(set(part.tolist())):
        held, rest = (part == number).nonzero().flatten(), (part != number).nonzero().flatten()
        learned, outside = rows_of(members, rest), rows_of(members, held)
        at_rest = truth.at(rest)

        fitted = ensemble.fit(learned, at_rest)
        plain = ensemble.combine(outside, fitted, truth.task)
        _put(whole.setdefault("", {}), plain, held, len(part))
        if not decisions:
            continue

        # A decision is fitted on what the ensemble says of the very images that it was fitted on itself.
        join, joined = truth.task.join, at_rest.joined
        inner, outer = join(ensemble.combine(learned, fitted, truth.task)), join(plain)
        for name, decision in decisions.items():
            made = decision.apply(outer, decision.fit(inner, joined), joined.task)
            _put(whole.setdefault(name, {}), made, held, len(part))
    return whole


def _put(whole: SpaceProbabilities, part: SpaceProbabilities, rows: Tensor, count: int) -> None:
    for space, values in part.items():
        if space not in whole:
            whole[space] = values.new_full((count, values.shape[1]), torch.nan)
        whole[space][rows] = values

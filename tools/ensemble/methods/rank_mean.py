"""The mean of ranks, which does not care how sure a member says it is."""

import torch
from torch import Tensor

from dataset.tasks.base import Task
from tools.ensemble.methods.base import ENSEMBLES, Fitted, MemberProbabilities, Method, SpaceProbabilities

_TIE = 1e-6  # what a mean probability counts beside the mean rank, so that it decides between equal ones


@ENSEMBLES.register
class RankMean(Method):
    """The mean rank: of an image's labels where one is right, of a label's images where any may be.

    What stands at a rank gets the mean of the probabilities that the members have there, so that thresholds
    and products keep their meaning. Where any label may be right an answer depends on the other images that
    are combined with it.
    """

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        means = {}
        for space in task.spaces:
            values = members[space.name]
            if space.kind == "one_of":
                ranked = _at_mean_rank(values)
                means[space.name] = ranked / ranked.sum(dim=1, keepdim=True)
            else:
                means[space.name] = _at_mean_rank(values.transpose(1, 2)).T.contiguous()
        return means


def _at_mean_rank(members: Tensor) -> Tensor:
    """Return (A, B) for (M, A, B): of each entry the mean of the values at its mean rank along B."""
    members = members.contiguous()
    ordered = members.sort(dim=-1).values
    first = torch.searchsorted(ordered, members, right=False)
    after = torch.searchsorted(ordered, members, right=True)
    rank = ((first + after - 1).double() / 2).mean(dim=0)  # from 0; equal values share the mean of theirs
    at_rank, low = ordered.mean(dim=0), rank.floor()
    below, above = (at_rank.gather(1, index.long()) for index in (low, rank.ceil()))
    return torch.lerp(torch.lerp(below, above, rank - low), members.mean(dim=0), _TIE)

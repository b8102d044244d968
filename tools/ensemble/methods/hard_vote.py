"""The answer that most members give."""

import torch
from torch import Tensor

from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from tools.ensemble.methods.base import ENSEMBLES, Fitted, MemberProbabilities, Method, SpaceProbabilities


@ENSEMBLES.register
class HardVote(Method):
    """The answer that most members give; of equally many the likelier one, then the first in the space.

    Each label space is voted on by itself. The probabilities are the mean of the members that gave the
    answer.
    """

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        return {space.name: _elected(space, members[space.name]) for space in task.spaces}


def _elected(space: Space, members: Tensor) -> Tensor:
    choices = torch.stack([space.decide(space.logits(member)) for member in members])
    votes, mean = choices.sum(dim=0), members.mean(dim=0)
    if space.kind == "one_of":
        # Half a vote at most, so that it decides between equal votes only.
        winner = (votes + mean / 2).argmax(dim=1)
        voters = choices.gather(2, winner.expand(len(members), -1).unsqueeze(2))
    else:
        tied = 2 * votes == len(members)
        voters = (choices == (2 * votes > len(members))) | tied
    return torch.where(voters, members, 0).sum(dim=0) / voters.sum(dim=0)

"""The mean of the members' probabilities."""

from dataset.tasks.base import Task
from tools.ensemble.methods.base import ENSEMBLES, Fitted, MemberProbabilities, Method, SpaceProbabilities


@ENSEMBLES.register
class SoftVote(Method):
    """The mean of the members' probabilities."""

    of_numbers = True

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        return {space: stacked.mean(dim=0) for space, stacked in members.items()}

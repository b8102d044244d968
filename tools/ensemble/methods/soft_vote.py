"""The mean of the members' probabilities."""

from dataset.tasks.base import Task
from tools.ensemble.methods.base import ENSEMBLES, Fitted, Members, Method, Probabilities


@ENSEMBLES.register
class SoftVote(Method):
    """The mean of the members' probabilities."""

    of_numbers = True

    def combine(self, members: Members, fitted: Fitted, task: Task) -> Probabilities:
        return {space: stacked.mean(dim=0) for space, stacked in members.items()}

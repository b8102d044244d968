"""The mean of the members' probabilities."""

from dataset.tasks.base import Task
from tools.ensemble.methods.base import ENSEMBLES, Ensemble, Fitted, Members, Probabilities


@ENSEMBLES.register
class SoftVote(Ensemble):
    """The mean of the members' probabilities."""

    def combine(self, members: Members, fitted: Fitted, task: Task) -> Probabilities:
        return {space: of.mean(dim=0) for space, of in members.items()}

"""The mean of the members' probabilities."""

from dataset.task import Task
from inference.ensemble import ENSEMBLES, Ensemble, Fitted, Members, Probabilities


@ENSEMBLES.register
class SoftVote(Ensemble):
    """The mean of the members' probabilities."""

    def combine(self, members: Members, fitted: Fitted, task: Task) -> Probabilities:
        return {space: of.mean(dim=0) for space, of in members.items()}

"""Each label space from the member that is best at it."""

from dataset.tasks.base import Task
from tools.ensemble.methods.base import (
    ENSEMBLES,
    Fitted,
    MemberProbabilities,
    Method,
    SpaceProbabilities,
    Truth,
    count_of,
    each,
    logits_of,
    one_of,
)


@ENSEMBLES.register
class BestOfEachSpace(Method):
    """Each label space from the member that is best at it: age from one, mask from another.

    A member whose head joins several questions is asked each of them: the sum over its classes. With a
    single question it is the best member.
    """

    of_numbers = True

    def fit(self, members: MemberProbabilities, truth: Truth) -> Fitted:
        task, targets = truth.task.parted, truth.task.part(truth.targets)
        parts = each(members, truth.task.part)
        scores = [
            task.scores(logits_of(task, one_of(parts, member)), targets)
            for member in range(count_of(members))
        ]

        best = {}
        for space in task.spaces:
            name = _score_of(task, space.name, scores[0])
            of_space = [task.direction(name) * of_member[name] for of_member in scores]
            best[space.name] = of_space.index(max(of_space))
        return best

    def combine(self, members: MemberProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        if len(set(fitted.values())) == 1:
            return one_of(members, next(iter(fitted.values())))
        parts = each(members, task.part)
        chosen = {space: parts[space][member] for space, member in fitted.items()}
        return chosen if chosen.keys() == members.keys() else task.parted.join(chosen)


def _score_of(task: Task, space: str, scores: dict[str, float]) -> str:
    """Return the name of the score of one space, or that of all where no question is about it alone."""
    name = f"{space}/{task.metrics[0].metric.name}"
    return name if name in scores else task.main_scores[0]

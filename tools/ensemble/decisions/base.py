"""Decisions: a last change of the probabilities, for a score that is not the share of right answers.

Macro-F1 counts a rare class as much as a frequent one, so the likeliest class is not always the best answer.
Whether a decision helps is only known on images that it was not fitted on.
"""

from dataset.tasks.base import Task
from tools.ensemble.methods.base import Fitted, Probabilities, Truth, has_numbers
from utils.registry import Registry


class Decision:
    """A subclass is one file in this folder.

    It is made where the competition scores: in one space for all questions, if the task has one. What it
    returns are probabilities again, of which the task makes other answers than before.
    """

    def suits(self, task: Task) -> bool:
        """Return whether it can be made for a task."""
        return True

    def fit(self, probabilities: Probabilities, truth: Truth) -> Fitted:
        """Return what ``apply`` needs."""
        raise NotImplementedError

    def apply(self, probabilities: Probabilities, fitted: Fitted, task: Task) -> Probabilities:
        """Return the changed probabilities of any images."""
        raise NotImplementedError


DECISIONS: Registry[Decision] = Registry("decision", "tools.ensemble.decisions")


def suiting(task: Task) -> list[str]:
    """Return the names of the decisions that can be made for a task."""
    if has_numbers(task):  # they change probabilities
        return []
    where = task.joined or task
    return [name for name in DECISIONS.names() if DECISIONS.get(name)().suits(where)]

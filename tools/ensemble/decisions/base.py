"""Decisions: a last change of the probabilities, for a score that is not the share of right answers.

Macro-F1 counts a rare class as much as a frequent one, so the likeliest class is not always the best answer.
Whether a decision helps is only known on images that it was not fitted on.
"""

from dataclasses import replace

from dataset.metrics.base import Metric
from dataset.tasks.base import Task
from dataset.tasks.scoring import AskedMetric
from dataset.tasks.spaces import Space
from tools.ensemble.methods.base import Fitted, SpaceProbabilities, Truth
from utils.registry import Registry


class Decision:
    """A subclass is one file in this folder.

    It is made where the competition scores: in one space for all questions, if the task has one. What it
    returns are probabilities again, of which the task makes other answers than before. Of several questions
    it changes those of its kind; the others, and numbers, stay as they are.
    """

    def changes(self, space: Space) -> bool:
        """Return whether it can be made in a label space, which has probabilities."""
        return True

    def spaces(self, task: Task) -> list[Space]:
        """Return the label spaces of a task that it changes."""
        return [space for space in task.spaces if not space.numeric and self.changes(space)]

    def serves(self, metric: Metric) -> bool:
        """Return whether it can make the score by a metric better: others it leaves alone, or hurts."""
        return True

    def fit(self, probabilities: SpaceProbabilities, truth: Truth) -> Fitted:
        """Return what ``apply`` needs."""
        raise NotImplementedError

    def apply(self, probabilities: SpaceProbabilities, fitted: Fitted, task: Task) -> SpaceProbabilities:
        """Return the changed probabilities of any images."""
        raise NotImplementedError

    def served(self, task: Task) -> AskedMetric | None:
        """Return the first of the competition's metrics that it serves: what it is fitted to."""
        return next((asked for asked in task.metrics if self.serves_asked(asked, task)), None)

    def serves_asked(self, asked: AskedMetric, task: Task) -> bool:
        """Return whether it can make a score better: not one of a question that it leaves alone."""
        left_alone = {space.name for space in task.spaces} - {space.name for space in self.spaces(task)}
        return self.serves(asked.metric) and left_alone.isdisjoint(asked.questions)

    def judged(self, truth: Truth) -> Truth:
        """Return the same truth, scored by the metric that it is fitted to."""
        asked = self.served(truth.task)
        if asked is None or asked is truth.task.metrics[0]:
            return truth
        question = None if asked.questions == truth.task.main_questions else asked.questions[0]
        return replace(truth, task=truth.task.scored_by([(asked.metric, question)]))


DECISIONS: Registry[Decision] = Registry("decision", "tools.ensemble.decisions")


def suiting(task: Task) -> list[str]:
    """Return the names of the decisions that can be made for a task, and serve one of its metrics."""
    where = task.joined or task
    made = {name: DECISIONS.get(name)() for name in DECISIONS.names()}
    return [
        name
        for name, decision in made.items()
        if decision.spaces(where) and decision.served(where) is not None
    ]


def serving(task: Task) -> list[str]:
    """Return the names of those that serve the metric that decides the competition."""
    deciding = task.metrics[0]
    return [name for name in suiting(task) if DECISIONS.get(name)().serves_asked(deciding, task)]

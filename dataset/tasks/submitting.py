"""What is handed in: the columns of a submission, written and read again."""

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Self

from dataset.submissions.base import Submission
from dataset.submissions.template import Template
from dataset.tasks.answers import Answers, one_hot
from dataset.tasks.questions import Choices, Logits, Questions
from dataset.tasks.seen_numbers import SeenNumbers, number_doubts
from utils.shortened import listing


class Submitting(Questions):
    """A task whose submission has a value from a list in each column, unless another form is asked for.

    Attributes:
        form: how its answers are handed in; what follows here is what the task writes by itself.
        seen: of each question about a number what training has, None where nobody knows.
    """

    form: Submission = Template()
    seen: Mapping[str, SeenNumbers | None] = MappingProxyType({})

    def handed_in(self, form: Submission) -> Self:
        """Return this task with its answers in another form."""
        task = copy.copy(self)
        task.form = form
        return task

    @property
    def label_texts(self) -> tuple[str, ...]:
        """The labels of the question that decides the competition (K), as the organiser spells them."""
        return list(self.questions.values())[-1]

    @property
    def number_columns(self) -> dict[str, str]:
        """The submission's columns that hold a number, by question."""
        return {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The submission's columns after the id, for an organiser who gives no template."""
        return tuple(self.allowed)

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The values that each of the submission's columns may have; a column not named may have any."""
        return {}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        """Return the submission's columns for each image, without the id."""
        raise NotImplementedError

    def submission(self, logits: Logits) -> list[dict[str, str]]:
        """Return the same from the logits, for a competition that asks for more than choices."""
        return self.rows(self.decide(logits))

    def submitted(self, rows: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        """Return what a submission's rows say, by question: as a rule one for each of ``allowed``.

        A value that can't be meant says nothing: ``wrong_value`` finds it.
        """
        classes = list(self.questions.values())[-1]
        answers = {}
        for column, values in self.allowed.items():
            coded = values == tuple(map(str, range(len(classes))))  # classes by number: name them as well
            words = map(" ".join, zip(values, classes, strict=True)) if coded else values
            named = tuple(word or "(nothing)" for word in words)
            answers[column] = Answers(named, one_hot([row[column] for row in rows], values))
        return answers

    def wrong_value(self, column: str, value: str) -> str | None:
        """Return what is wrong with a value of one of the submission's columns, or None."""
        values = self.allowed.get(column, (value,))
        return None if value in values else f"is not one of {listing(values)}"

    def doubts(self, rows: Sequence[Mapping[str, str]]) -> list[str]:
        """Return what is odd about the numbers of a submission, a line each."""
        return [
            doubt
            for question, column in self.number_columns.items()
            for doubt in number_doubts(column, [row[column] for row in rows], self.seen[question])
        ]

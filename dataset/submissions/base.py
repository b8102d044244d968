"""A submission: which columns and rows the organiser wants, and what stands in them.

Shapes: N images, K labels of the question that decides the competition.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset.tasks.answers import Answers
from utils.registry import Registry
from utils.tables import Table

if TYPE_CHECKING:
    from dataset.readers.eval_base import EvalDataset
    from dataset.tasks.base import Logits, Targets, Task

SubmissionRows = list[dict[str, str]]
SUBMISSION = "submission.csv"


class Line(NamedTuple):
    """A row of a template that has several for each image."""

    image: str  # the image's id, as it is compared
    label: str
    cells: tuple[str, ...]  # as they are written


class Submission:
    """How a task's answers are handed in.

    A subclass is one file in ``dataset/submissions``: it says the ``columns`` and makes the ``answers``, one
    row for each image; ``submitted`` reads these again, ``wrong_value`` looks at what somebody else wrote.
    One with several rows for each image lays the answers out in ``rows`` and takes them together in
    ``by_image``. Labels are written as ``task.label_texts`` has them: as the organiser spells them.

    Attributes:
        kinds: the kinds of questions whose answers can be handed in so.
        file: what the file is called.
    """

    section: ClassVar[str] = "submission"  # of a config: where its columns are named
    kinds: ClassVar[frozenset[str]] = frozenset(("one_of", "any_of"))
    file: str = SUBMISSION

    def check(self, task: "Task") -> None:
        """Refuse a task whose answers can't be handed in so.

        Raises:
            ValueError: says why, and what to write instead.
        """
        kind = _deciding_kind(task)
        if kind not in self.kinds:
            instead = "write name = Numbers, or Template" if kind == "number" else "write name = Template"
            raise ValueError(f"it has no form for a question whose answer is of the kind {kind}: {instead}")

    def columns(self, task: "Task") -> tuple[str, ...]:
        """Return the columns after the id."""
        raise NotImplementedError

    def allowed(self, task: "Task") -> dict[str, tuple[str, ...]]:
        """Return the values that a column of the answers may have; one not named may have any."""
        return {}

    def answers(self, task: "Task", logits: "Logits") -> SubmissionRows:
        """Return what is handed in of each image (N), without its id."""
        raise NotImplementedError

    def submitted(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        """Return what answers (N) say, by question; a value that can't be meant says nothing."""
        raise NotImplementedError

    def wrong_value(self, task: "Task", column: str, value: str) -> str | None:
        """Return what is wrong with a value of one of the columns, or None."""
        raise NotImplementedError

    def true_answers(self, task: "Task", targets: "Targets") -> dict[str, Answers]:
        """Return what targets of N images say, by question, as ``submitted`` returns it."""
        labels = task.questions[deciding(task)]
        return {deciding(task): Answers(labels, task.marks(targets).astype(np.float32))}

    def doubts(self, task: "Task", answers: Sequence[Mapping[str, str]]) -> list[str]:
        """Return what is odd about answers (N) that are not wrong, a line each."""
        return []

    def answering(self, task: "Task", column: str) -> "Task | None":
        """Return the task with its one answer in another column; None: its columns are not to be chosen."""
        return None

    def keys(self, task: "Task") -> tuple[str, ...]:
        """Return the columns that tell an image's rows apart; none where each has one row."""
        return ()

    def template_of(self, task: "Task", table: Table) -> tuple[Table, tuple[Line, ...]]:
        """Return an organiser's template with a row for each image, and its lines where it has more.

        Raises:
            DataError: it isn't of this form.
        """
        return table, ()

    def ids(self, task: "Task", images: "EvalDataset") -> Sequence[str]:
        """Return what stands in the first column of each row of the file."""
        return images.ids

    def row_keys(self, task: "Task", images: "EvalDataset") -> Iterable[tuple[str, ...]]:
        """Yield what tells each row of the file from all others: its id, and what is in its ``keys``."""
        return ((name,) for name in self.ids(task, images))

    def rows(
        self, task: "Task", answers: Sequence[Mapping[str, str]], images: "EvalDataset"
    ) -> SubmissionRows:
        """Return the rows of the file: the id, the answers, and what else the template says of each image.

        A column of an answer that the template lacks is left for the submission's check to name.
        """
        identity, columns = images.columns[0], images.columns
        kept = {name: images.template[name] for name in images.kept(tuple(answers[0]) if answers else ())}
        rows: SubmissionRows = []
        for number, (name, answer) in enumerate(zip(images.ids, answers, strict=True)):
            row = {identity: name} | {column: values[number] for column, values in kept.items()}
            row |= dict(answer)
            rows.append({column: row[column] for column in columns} if row.keys() == set(columns) else row)
        return rows

    def by_image(self, task: "Task", rows: SubmissionRows, images: "EvalDataset") -> SubmissionRows:
        """Return one row for each image (N), its id first, of the rows of a file that is right."""
        return rows


def deciding(task: "Task") -> str:
    """Return the question whose answers are handed in."""
    return list(task.questions)[-1]


def is_exclusive(task: "Task") -> bool:
    """Return whether one label of the question that decides the competition is right."""
    return _deciding_kind(task) != "any_of"


def sure(task: "Task", logits: "Logits") -> NDArray[np.float32]:
    """Return the probability of each label of the question that decides the competition, (N, K)."""
    return np.asarray(task.sure(task.probabilities(logits))[deciding(task)].cpu().numpy())


def _deciding_kind(task: "Task") -> str:
    return task.space_of(deciding(task)).kind


SUBMISSIONS: Registry[Submission] = Registry("submission", "dataset.submissions")

"""Several questions about each image, of several kinds: classes, grades, tags and numbers in one model."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.metrics.base import Metric
from dataset.tasks.answers import Answers
from dataset.tasks.asked_columns import (
    AskedColumn,
    ClassColumn,
    GradeColumn,
    NumberColumn,
    Spelling,
    TagColumn,
)
from dataset.tasks.base import TASKS, Choices, Facts, Logits, Marked, Targets, Task
from dataset.tasks.cells import SPACE, Separator
from dataset.tasks.column_values import ColumnValues
from dataset.tasks.confusion import Confusion
from dataset.tasks.moves import Move
from dataset.tasks.scoring import AskedMetric
from dataset.tasks.table_columns import FactRows, RowsFound, check_columns, check_head_names
from utils.convert import Bound
from utils.errors import unknown_name


@TASKS.register
class SeveralTask(Task):
    """Several columns of a table, of several kinds: one model answers them all, each is scored by itself.

    Each column is a label space of its name: ``[loss.NAME]`` and ``[head.NAME]`` are about it. An empty cell
    is not known and neither trained on nor scored; only of tags it says that there are none.

    Args:
        classes: the columns with one right label.
        grades: those with a grade; in the order of numbers, of numbered names, of A, B, C, or of ``values``.
        tags: those with any number of labels.
        numbers: those with a number.
        decides: the columns, of one kind, over which the competition's score is the mean; none = those of
            the last kind that there is, in the order above.
        submit: the columns that are handed in; none = all. Others are only learnt.
        values: labels of columns in their order, grades from the lowest on, as {"quality": ["poor", "good"]},
            and numbers that training has; none = what the table says.
        separator: what stands between two tags in a cell: space, comma or another text.
        lowest: answers that are numbers are raised to it; none = any.
        highest: answers that are numbers are lowered to it; none = any.
        changed_by: moves of an image that may change an answer (flip, shift, scale, rotate, upend, turn):
            neither augmentation nor views may make them.
    """

    at_inference = ("submit", "lowest", "highest")
    instead = "Write the columns into classes, grades, tags and numbers in [task]; only CsvDataset has such."
    labels_have_names = False

    def __init__(
        self,
        *,
        rows_found: RowsFound,
        classes: tuple[str, ...] | None = None,
        grades: tuple[str, ...] | None = None,
        tags: tuple[str, ...] | None = None,
        numbers: tuple[str, ...] | None = None,
        decides: tuple[str, ...] | None = None,
        submit: tuple[str, ...] | None = None,
        values: ColumnValues | None = None,
        separator: Separator = SPACE,
        lowest: Bound | None = None,
        highest: Bound | None = None,
        changed_by: tuple[Move, ...] = (),
    ) -> None:
        classes, grades, tags, numbers = (asked or () for asked in (classes, grades, tags, numbers))
        names, given = (*classes, *grades, *tags, *numbers), values.by_column if values is not None else {}
        named = {"values": tuple(given), "decides": decides or (), "submit": submit or ()}
        _check_names(names, named)

        # A run has kept all values: it needs no training table to predict.
        rows: FactRows = ()
        if not set(names) <= given.keys():
            rows = rows_found()
            check_columns(
                names, rows, "classes, grades, tags and numbers", "Name columns of the table there."
            )

        def column(kind: Any, name: str, **options: Any) -> AskedColumn:
            cells = [facts[name] for _, facts in rows]
            try:
                asked: AskedColumn = kind(name, cells, given.get(name), **options)
            except ValueError as error:
                raise ValueError(f"{kind.word}: column {name!r}: {error}") from None
            return asked

        made = [column(ClassColumn, name) for name in classes]
        made += [column(GradeColumn, name) for name in grades]
        made += [column(TagColumn, name, separator=separator) for name in tags]
        made += [column(NumberColumn, name, lowest=lowest, highest=highest) for name in numbers]

        self.deciding = _deciding(made, decides)
        by_name = {asked.space.name: asked for asked in made}
        others = [name for name in names if name not in self.deciding]
        self.by_question = {name: by_name[name] for name in (*others, *self.deciding)}
        super().__init__([asked.space for asked in self.by_question.values()])
        self.seen = {name: asked.seen for name, asked in by_name.items() if asked.space.numeric}
        self.submit, self.changed_by = submit or names, changed_by
        self._called = dict(zip(self.submit, self.submit, strict=True))  # in the submission
        self._spelling: Spelling = None

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.by_question)

    @property
    def main_questions(self) -> tuple[str, ...]:
        return self.deciding

    @property
    def own_asked(self) -> tuple[AskedMetric, ...]:
        """The metrics of what decides, each as one score, and of each other question those of its kind."""
        first = self.by_question[self.deciding[0]]
        main = [AskedMetric(metric, self.deciding, metric.name) for metric in first.own_metrics]
        others = [
            AskedMetric(metric, (name,), f"{name}/{metric.name}")
            for name, column in self.by_question.items()
            for metric in (() if name in self.deciding else column.own_metrics)
        ]
        return (*main, *others)

    def metrics_of(self, question: str) -> list[Metric]:
        """Return the metrics that are asked of a question: those of other kinds would say little of it."""
        by_name: dict[str, Metric] = {}
        for asked in self.metrics:
            if question in asked.questions and not asked.metric.together:
                by_name.setdefault(asked.metric.name, asked.metric)
        return list(by_name.values())

    def encode(self, facts: Facts) -> Marked:
        marked: Marked = {}
        for name, column in self.by_question.items():
            try:
                marked[name] = column.encode(facts[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return marked

    def corrected(self, facts: Facts, question: str, label: int, *, present: bool = True) -> Facts | None:
        column = self.by_question[question]
        if column.space.numeric:
            return None
        before = set(column.encode(facts[question])) if column.space.kind == "any_of" else set()
        after = before | {label} if present else before - {label}
        chosen = column.space.targets([tuple(sorted(after))]) > 0
        return {**facts, question: column.texts(chosen, None)[0]}

    def marks(self, marked: Mapping[str, Tensor]) -> NDArray[np.bool_]:
        return self.spaces[-1].marks(marked[self.spaces[-1].name])

    def scored(self, targets: Targets) -> NDArray[np.bool_]:
        return self.spaces[-1].known(targets[self.spaces[-1].name])

    def surprise(self, logits: Logits, targets: Targets) -> Tensor:
        """Return that of the last question alone: nats and squares of numbers have no sum."""
        last = self.spaces[-1]
        return last.surprise(logits[last.name], targets[last.name])

    def confusions(self, choices: Choices, targets: Targets) -> dict[str, Confusion]:
        """Return how many images with each true label (row) were given each label (column)."""
        confusions = {}
        for space in self.spaces:
            if not space.numeric:
                true, chosen = (
                    space.marks(marked[space.name]).astype(np.int64) for marked in (targets, choices)
                )
                confusions[space.name] = Confusion(space.labels, true.T @ chosen, true.sum(axis=0))
        return confusions

    def captions(self, marked: Mapping[str, Tensor]) -> list[str]:
        """Return each image's answers in words, a line for each question."""
        words = [
            [f"{space.name}: {text}" for text in space.words(marked[space.name])] for space in self.spaces
        ]
        return list(map("\n".join, zip(*words, strict=True)))

    @property
    def resolved(self) -> dict[str, str]:
        values = {name: tuple(column.values) for name, column in self.by_question.items()}
        return {"values": str(ColumnValues(values))}

    @property
    def label_texts(self) -> tuple[str, ...]:
        return self.by_question[self.spaces[-1].name].labels(self._spelling)

    def in_spelling(self, template: Mapping[str, str]) -> "SeveralTask":
        written = copy.copy(self)
        written._spelling = template
        return written

    def answering(self, column: str) -> "SeveralTask | None":
        if len(self.submit) != 1:
            return None
        other = copy.copy(self)
        other._called = {self.submit[0]: column}
        return other

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._called.values())

    @property
    def number_columns(self) -> dict[str, str]:
        return {name: called for name, called in self._called.items() if self.by_question[name].space.numeric}

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        texts = {
            called: self.by_question[name].allowed(self._spelling) for name, called in self._called.items()
        }
        return {called: allowed for called, allowed in texts.items() if allowed is not None}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        texts = [self.by_question[name].texts(choices[name], self._spelling) for name in self._called]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*texts, strict=True)]

    def submitted(self, rows: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        """Return what each column says; of numbers in which part of training's they lie, if known."""
        answers = {
            called: self.by_question[name].answers([row[called] for row in rows], self._spelling)
            for name, called in self._called.items()
        }
        return {called: answer for called, answer in answers.items() if answer is not None}

    def wrong_value(self, column: str, value: str) -> str | None:
        names = {called: name for name, called in self._called.items()}
        wrong = self.by_question[names[column]].wrong(value) if column in names else None
        return wrong or super().wrong_value(column, value)


def _check_names(names: Sequence[str], named: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError unless there are columns, each once, and other options name some of these."""
    if not names:
        raise ValueError("no column is asked: write classes, grades, tags or numbers = COLUMN, ... in [task]")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"column {twice[0]!r} is asked twice: a column is of one kind")
    check_head_names(names, "column")
    for option, columns in named.items():
        for name in columns:
            if name not in names:
                raise ValueError(f"{option}: {unknown_name('column', name, names)}")
        if len(set(columns)) < len(columns):
            raise ValueError(f"{option}: a column stands there twice")


def _deciding(columns: Sequence[AskedColumn], decides: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the columns that decide, of one kind.

    Raises:
        ValueError: they are of several kinds, of which no score is the mean.
    """
    last = type(columns[-1])
    if decides is None:
        return tuple(column.space.name for column in columns if type(column) is last)
    words = list(dict.fromkeys(column.word for column in columns if column.space.name in decides))
    if len(words) > 1:
        raise ValueError(
            f"decides = {', '.join(decides)} are {' and '.join(words)}: no score is a mean of both. Name "
            "those of one kind: the scores of the others are printed beside"
        )
    return decides

"""The columns of a table that a task asks about: how a cell is read, scored and written, by its kind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from torch import Tensor

from dataset.metrics.accuracy import Accuracy
from dataset.metrics.average_precision import AveragePrecision
from dataset.metrics.base import Metric
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.mae import MAE
from dataset.metrics.micro_f1 import MicroF1
from dataset.metrics.quadratic_kappa import QuadraticKappa
from dataset.metrics.rmse import RMSE
from dataset.tasks.answers import Answers, one_hot
from dataset.tasks.cells import Separator
from dataset.tasks.column_values import ColumnScale
from dataset.tasks.labels import SpeltLabels, in_order, index_by_label
from dataset.tasks.number import Number, number_mark
from dataset.tasks.ordered import Ordered
from dataset.tasks.ordinal import graded
from dataset.tasks.seen_numbers import SeenNumbers, as_numbers, wrong_number
from dataset.tasks.spaces import AnyOf, Mark, OneOf, Space
from utils.errors import closest
from utils.shortened import listing
from utils.texts import comparable

Spelling = Mapping[str, str] | None  # of labels in a template; None: labels are written as they are compared


class AskedColumn:
    """One column and what is asked about it.

    Args:
        name: of the column, the space and the question.
        cells: (N) of the training table, as they are written there.
        values: its labels in their order, or numbers that training has; None = what the cells say.

    Raises:
        ValueError: the cells or the values are none of this kind.
    """

    word: ClassVar[str]  # what a config calls such columns
    own_metrics: ClassVar[tuple[Metric, ...]]  # the first one decides
    space: Space
    seen: SeenNumbers | None = None

    @property
    def values(self) -> ColumnScale:
        """What a config says, so that the training table need not be read again."""
        raise NotImplementedError

    def encode(self, cell: str) -> Mark:
        """Return what a cell says; nothing where that is not known.

        Raises:
            ValueError: it says what it can't.
        """
        raise NotImplementedError

    def labels(self, spelling: Spelling) -> tuple[str, ...]:
        """Return the labels as they are handed in."""
        return self.space.labels

    def allowed(self, spelling: Spelling) -> tuple[str, ...] | None:
        """Return all texts that may be handed in; None: there is no end of them."""
        return None

    def texts(self, chosen: Tensor, spelling: Spelling) -> list[str]:
        """Return what is handed in of choices (N, K)."""
        raise NotImplementedError

    def answers(self, texts: Sequence[str], spelling: Spelling) -> Answers | None:
        """Return what texts (N) that are handed in say; None where nothing is known to count by."""
        raise NotImplementedError

    def wrong(self, text: str) -> str | None:
        """Return what is wrong with a text that is handed in where any may be, or None."""
        return None


class ClassColumn(AskedColumn):
    """One label of several; an empty cell says that it is not known."""

    word = "classes"
    own_metrics: ClassVar[tuple[Metric, ...]] = (MacroF1(), Accuracy())

    def __init__(self, name: str, cells: Iterable[str], values: ColumnScale | None) -> None:
        written: Iterable[str]
        if values is None:
            written = self._ordered(name, in_order(cell.strip() for cell in cells if comparable(cell)))
        else:
            written = map(str, values)
        self.spelt = SpeltLabels.of(written)
        if len(self.spelt.names) < 2:
            raise ValueError(f"{listing(self.spelt.names) or 'no label'} alone leaves nothing to tell apart")
        self.space = self._space(name, self.spelt.names)
        self._index_of = index_by_label(self.spelt.names)

    def _ordered(self, name: str, written: Sequence[str]) -> Sequence[str]:
        return written

    def _space(self, name: str, labels: tuple[str, ...]) -> Space:
        return OneOf(name, labels)

    @property
    def values(self) -> ColumnScale:
        return self.spelt.written

    def encode(self, cell: str) -> Mark:
        return (self._index(cell),) if cell else ()

    def _index(self, label: str) -> int:
        if label not in self._index_of:
            near = closest(label, self._index_of)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"{label!r} is not one of {listing(self.spelt.names)}.{hint}")
        return self._index_of[label]

    def labels(self, spelling: Spelling) -> tuple[str, ...]:
        return self.spelt.names if spelling is None else self.spelt.in_spelling(spelling)

    def allowed(self, spelling: Spelling) -> tuple[str, ...] | None:
        return self.labels(spelling)

    def texts(self, chosen: Tensor, spelling: Spelling) -> list[str]:
        labels = (*self.labels(spelling), "")  # -1, where there is no label, finds the last one
        return [labels[index] for index in self.space.index(chosen)]

    def answers(self, texts: Sequence[str], spelling: Spelling) -> Answers | None:
        labels = self.labels(spelling)
        return Answers(labels, one_hot(texts, labels))


class GradeColumn(ClassColumn):
    """One grade; the labels stand in their order, the lowest first."""

    word = "grades"
    own_metrics = (QuadraticKappa(), Accuracy())

    def _ordered(self, name: str, written: Sequence[str]) -> Sequence[str]:
        return graded(written, f'values = {{"{name}": ["THE LOWEST", ..., "THE HIGHEST"]}}')

    def _space(self, name: str, labels: tuple[str, ...]) -> Space:
        return Ordered(name, labels)


class TagColumn(ClassColumn):
    """Any number of labels in one cell, also none.

    Args:
        separator: what stands between two of them.
    """

    word = "tags"
    own_metrics = (AveragePrecision(), MacroF1(), MicroF1())

    def __init__(
        self, name: str, cells: Iterable[str], values: ColumnScale | None, separator: Separator
    ) -> None:
        self.separator = separator
        super().__init__(name, (label for cell in cells for label in separator.parts(cell)), values)

    def _space(self, name: str, labels: tuple[str, ...]) -> Space:
        return AnyOf(name, labels)

    def encode(self, cell: str) -> Mark:
        return tuple(sorted({self._index(comparable(label)) for label in self.separator.parts(cell)}))

    def allowed(self, spelling: Spelling) -> tuple[str, ...] | None:
        return None

    def texts(self, chosen: Tensor, spelling: Spelling) -> list[str]:
        labels, between = self.labels(spelling), self.separator.text or " "
        return [between.join(labels[i] for i in np.flatnonzero(row)) for row in chosen.cpu().numpy()]

    def answers(self, texts: Sequence[str], spelling: Spelling) -> Answers | None:
        labels, cells = self.labels(spelling), [set(self.separator.parts(text)) for text in texts]
        shares = np.array([[label in cell for label in labels] for cell in cells], dtype=np.float32)
        return Answers(labels, shares, exclusive=False)

    def wrong(self, text: str) -> str | None:
        unknown = [part for part in self.separator.parts(text) if comparable(part) not in self._index_of]
        return f"has no label {listing(list(map(repr, unknown)))}" if unknown else None


class NumberColumn(AskedColumn):
    """A number; an empty cell, NaN, NA or null says that it is not known.

    Args:
        lowest: answers are raised to it; None = any.
        highest: answers are lowered to it; None = any.
    """

    word = "numbers"
    own_metrics = (RMSE(), MAE())

    def __init__(
        self,
        name: str,
        cells: Iterable[str],
        values: ColumnScale | None,
        lowest: float | None = None,
        highest: float | None = None,
    ) -> None:
        self.space = Number(name, lowest=lowest, highest=highest)
        if values is None:
            self.seen = SeenNumbers.of(as_numbers(list(cells)))
        elif values:
            self.seen = SeenNumbers.from_text(", ".join(map(str, values)))

    @property
    def values(self) -> ColumnScale:
        return self.seen.edges if self.seen is not None else ()

    def encode(self, cell: str) -> Mark:
        return number_mark(cell)

    def texts(self, chosen: Tensor, spelling: Spelling) -> list[str]:
        return [f"{value:.9g}" for value in chosen[:, 0].tolist()]

    def answers(self, texts: Sequence[str], spelling: Spelling) -> Answers | None:
        return None if self.seen is None else self.seen.answers(texts)

    def wrong(self, text: str) -> str | None:
        return wrong_number(text)

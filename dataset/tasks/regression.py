"""One number for each image."""

import copy
from collections.abc import Callable, Mapping, Sequence

from dataset.metrics.mae import MAE
from dataset.metrics.rmse import RMSE
from dataset.tasks.answers import Answers
from dataset.tasks.base import LABELS, TASKS, Choices, Facts, Marked, Task
from dataset.tasks.moves import Move
from dataset.tasks.number import Number, number_mark
from dataset.tasks.seen_numbers import SeenNumbers, as_numbers, wrong_number
from utils.convert import Bound
from utils.errors import PodiumError
from utils.meant_number import meant_number


@TASKS.register
class RegressionTask(Task):
    """A number for each image, scored by RMSE and MAE in its own units.

    An empty cell, or NaN, NA or null, means that the number is not known: such an image is neither trained
    on nor scored.

    Args:
        column: the name of the submission's one column.
        lowest: answers below it are raised to it; none = any.
        highest: answers above it are lowered to it; none = any.
        seen: the smallest and the largest number of training, and any between: what submissions are held
            against; none = those in the training table.
        changed_by: moves of an image that may change its number (flip, shift, scale, rotate, upend, turn):
            neither augmentation nor views may make them.
    """

    needs = (LABELS,)
    at_inference = ("column", "lowest", "highest")
    own_metrics = (RMSE(), MAE())
    labels_have_names = False

    def __init__(
        self,
        *,
        labels_found: Callable[[], tuple[str, ...]] | None = None,
        column: str = "value",
        lowest: Bound | None = None,
        highest: Bound | None = None,
        seen: SeenNumbers | None = None,
        changed_by: tuple[Move, ...] = (),
    ) -> None:
        super().__init__([Number("number", lowest=lowest, highest=highest)])
        self.column, self.changed_by = column, changed_by
        self.seen = {"number": seen or _seen(labels_found)}

    def encode(self, facts: Facts) -> Marked:
        texts = facts.get(LABELS, "").split("\n")
        if len(texts) > 1:
            numbers: Sequence[str] = [repr(text) for text in texts]
            hint = meant_number(" ".join(texts))  # as a number with its unit is divided at the blank
            raise ValueError(f"{len(texts)} numbers ({', '.join(numbers[:3])}) where one is right{hint}")
        return {"number": number_mark(texts[0])}

    @property
    def resolved(self) -> dict[str, str]:
        return {"seen": str(self.seen["number"])} if self.seen["number"] is not None else {}

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def number_columns(self) -> dict[str, str]:
        return {"number": self.column}

    def answering(self, column: str) -> "RegressionTask":
        other = copy.copy(self)
        other.column = column
        return other

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        return [{self.column: f"{value:.9g}"} for value in choices["number"][:, 0].tolist()]

    def submitted(self, rows: Sequence[Mapping[str, str]]) -> dict[str, Answers]:
        """Return in which part of training's numbers each answer lies, if these are known."""
        seen = self.seen["number"]
        return {"number": seen.answers([row[self.column] for row in rows])} if seen is not None else {}

    def wrong_value(self, column: str, value: str) -> str | None:
        return wrong_number(value) if column == self.column else super().wrong_value(column, value)


def _seen(labels_found: Callable[[], tuple[str, ...]] | None) -> SeenNumbers | None:
    """Return the numbers of the training table; None where it can't be read, which whoever needs it says."""
    if labels_found is None:
        return None
    try:
        return SeenNumbers.of(as_numbers(labels_found()))
    except PodiumError:
        return None

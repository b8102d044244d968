"""One number for each image."""

import copy
import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from dataset.metrics.mae import MAE
from dataset.metrics.rmse import RMSE
from dataset.tasks.base import LABELS, TASKS, Choices, Facts, Marked, Task
from dataset.tasks.moves import Move
from dataset.tasks.number import Number
from utils.convert import Bound

_UNKNOWN = frozenset({"", "nan", "na", "n/a", "null", "none"})  # what programs write for no number
_LARGEST = 3e38  # that a number of 32 bits holds


@TASKS.register
class RegressionTask(Task):
    """A number for each image, scored by RMSE and MAE in its own units.

    An empty cell, or NaN, NA or null, means that the number is not known: such an image is neither trained
    on nor scored.

    Args:
        column: the name of the submission's one column.
        lowest: answers below it are raised to it; none = any.
        highest: answers above it are lowered to it; none = any.
        changed_by: moves of an image that may change its number (flip, shift, scale, rotate): neither
            augmentation nor views may make them.
    """

    needs = (LABELS,)
    at_inference = ("column", "lowest", "highest")
    own_metrics = (RMSE(), MAE())
    labels_have_names = False

    def __init__(
        self,
        *,
        column: str = "value",
        lowest: Bound | None = None,
        highest: Bound | None = None,
        changed_by: tuple[Move, ...] = (),
    ) -> None:
        if lowest is not None and highest is not None and lowest >= highest:
            raise ValueError(f"lowest = {lowest:g} must be below highest = {highest:g}")
        super().__init__([Number("number")])
        self.column, self.lowest, self.highest, self.changed_by = column, lowest, highest, changed_by

    def encode(self, facts: Facts) -> Marked:
        return {"number": number_mark(facts)}

    def decide(self, logits: dict[str, Tensor]) -> Choices:
        numbers = logits["number"]
        if self.lowest is None and self.highest is None:
            return {"number": numbers}
        return {"number": numbers.clamp(self.lowest, self.highest)}

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def answering(self, column: str) -> "RegressionTask":
        other = copy.copy(self)
        other.column = column
        return other

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        return [{self.column: f"{value:.9g}"} for value in choices["number"][:, 0].tolist()]

    def wrong_value(self, column: str, value: str) -> str | None:
        if column != self.column:
            return super().wrong_value(column, value)
        try:
            return None if math.isfinite(float(value)) else "is not a finite number"
        except ValueError:
            return "is no number"


def number_mark(facts: Facts) -> Mapping[int, float] | tuple[()]:
    """Return what an image's one label says as the mark of a number; nothing where it is not known.

    Raises:
        ValueError: it is no number, or there are several.
    """
    texts = facts.get(LABELS, "").split("\n")
    if len(texts) > 1:
        numbers: Sequence[str] = [repr(text) for text in texts]
        raise ValueError(f"{len(texts)} numbers ({', '.join(numbers[:3])}) where one is right")
    text = texts[0].strip()
    if text.casefold() in _UNKNOWN:
        return ()

    try:
        value = float(text)
    except ValueError:
        point = text.replace(",", ".")
        hint = f": write {point}" if point != text and point.count(".") == 1 else ""
        raise ValueError(f"{text!r} is no number{hint}") from None
    if "_" in text or not abs(value) < _LARGEST:
        raise ValueError(f"{text!r} is no finite number of 32 bits")
    return {0: value}

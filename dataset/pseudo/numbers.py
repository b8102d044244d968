"""How sure models are of numbers: they have no probability, but several answers can lie near or far apart."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dataset.tasks.base import Task
from dataset.tasks.number import number_mark
from utils.convert import Fraction, convert
from utils.text_table import format_table

UNKNOWN = ""  # in place of a confidence: there was one answer only
SPREAD = "views (--set infer.views=Flip) or several models of one fold ([run] seeds = 3)"
_KEPT = (0.25, 0.5, 0.75)  # shares of the images that people may want to train on


def number_confidence(answers: Tensor, unit: float) -> Tensor:
    """Return how sure several answers (A, N) are of N numbers together, float64 (N) in [0, 1].

    1 - s / unit, and 0 where s is larger than ``unit``: s is the standard deviation of an image's A answers
    (with A - 1), so 0.9 says that they lie a tenth of what true numbers do from one another. NaN where A
    is 1: one answer says nothing of that.

    Args:
        unit: the standard deviation of the true numbers.
    """
    if len(answers) < 2:
        return torch.full(answers.shape[1:], torch.nan, dtype=torch.float64)
    return (1 - answers.double().std(dim=0) / unit).clamp(min=0.0)


def as_cell(confidence: float) -> str:
    """Return a confidence as a file of labels has it."""
    return UNKNOWN if confidence != confidence else f"{confidence:.6f}"


def from_cell(text: str) -> float:
    """Return what ``as_cell`` wrote; NaN where it is not known.

    Raises:
        ValueError: it is no confidence.
    """
    return torch.nan if text.strip() == UNKNOWN else convert(text, Fraction)


def as_number(text: str) -> float:
    """Return what a cell says as a number.

    Raises:
        ValueError: it is none.
    """
    mark = number_mark(text)
    if not mark:
        raise ValueError(f"{text!r} is no number")
    return mark[0]


def number_table(task: Task, numbers: Mapping[str, Tensor], sure: Mapping[str, Tensor]) -> str:
    """Return a table of the numbers (N, 1) by space, and from which confidence on a part of them is kept."""
    columns = ("number", "images", "mean", "lowest", "highest", *(f"surest {share:.0%}" for share in _KEPT))
    rows: list[tuple[str | int, ...]] = []
    for space in task.spaces:
        if space.numeric:
            values, confidence = numbers[space.name].double(), sure[space.name]
            about = [f"{value:.6g}" for value in (values.mean(), values.min(), values.max())]
            limits = torch.quantile(confidence, 1 - torch.tensor(_KEPT, dtype=torch.float64)).tolist()
            kept = ["-" if limit != limit else f"from {limit:.4f} on" for limit in limits]
            rows.append((space.name, len(values), *about, *kept))
    return format_table(columns, rows) if rows else ""

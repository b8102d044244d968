"""A label space whose answer is a number.

Its K is 1. Targets, logits and what stands in the place of probabilities are all the number itself, in the
units of the table, so that means over views, folds and runs are means of numbers; NaN is "not labelled". The
model keeps the units in which it learns (``models/units.py``), and the loss is taken in these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.metrics.evidence import NumberEvidence
from dataset.tasks.spaces import Mark, Space
from utils.errors import DataError
from utils.meant_number import meant_number

VALUE = "value"  # what its only column is called
Unit = tuple[float, float]  # mean and spread
_BINS = 10  # of about equally many images, at most: folds get the same share of each
_LEAST_IN_A_BIN = 10
_UNKNOWN = frozenset({"", "nan", "na", "n/a", "null", "none"})  # what programs write for no number
_LARGEST = 3e38  # that a number of 32 bits holds


@dataclass(frozen=True)
class Number(Space):
    """One number of any size; a mark is ``{0: number}``, and nothing marked means "not labelled".

    Args:
        lowest: answers below it are raised to it; None = any.
        highest: answers above it are lowered to it; None = any.
    """

    labels: tuple[str, ...] = (VALUE,)
    lowest: float | None = None
    highest: float | None = None

    kind = "number"
    evidence = NumberEvidence
    numeric: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.labels) != 1:
            raise ValueError(f"a number has one value, not {len(self.labels)}")
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            raise ValueError(f"lowest = {self.lowest:g} must be below highest = {self.highest:g}")

    def targets(self, marked: list[Mark]) -> Tensor:
        targets = super().targets(marked)
        targets[[not mark for mark in marked]] = torch.nan
        return targets

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the numbers, float32 (N, 1)."""
        return logits.float()

    def logits(self, probabilities: Tensor) -> Tensor:
        """Return the same numbers, float64 (N, 1)."""
        return probabilities.double()

    def decide(self, logits: Tensor) -> Tensor:
        """Return the numbers (N, 1), within their bounds."""
        if self.lowest is None and self.highest is None:
            return logits
        return logits.clamp(self.lowest, self.highest)

    def as_chosen(self, targets: Tensor) -> Tensor:
        return targets

    def as_evidence(self, marked: Tensor) -> NDArray[np.float64]:
        return np.asarray(marked[:, 0].cpu().numpy(), dtype=np.float64)

    def shares(self, targets: Tensor) -> Tensor:
        """Return the mean of the known numbers, float64 (1): the best answer about an image nobody saw."""
        known = _known(targets)
        return known.mean(dim=0, keepdim=True) if len(known) else torch.zeros(1, dtype=torch.float64)

    def surprise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the squared error of each image (N), 0 where the number is not known."""
        return (logits.float() - targets)[:, 0].square().nan_to_num(0.0)

    def index(self, marked: Tensor) -> NDArray[np.int64]:
        return np.where(marked[:, 0].isnan().cpu().numpy(), -1, 0)

    def strata(self, targets: Tensor) -> NDArray[np.bool_]:
        """Return in which quantile of the known numbers each image is, (N, S); in none if it has no number.

        Equal numbers are in one of them; there are ten at most, and fewer where images are few.
        """
        values = self.as_evidence(targets)
        known = values[~np.isnan(values)]
        bins = max(1, min(_BINS, len(known) // _LEAST_IN_A_BIN))
        if not len(known):
            return np.zeros((len(values), 0), dtype=np.bool_)

        edges = np.unique(np.quantile(known, np.arange(1, bins) / bins))
        bin_of = np.searchsorted(edges, values, side="right")
        return np.asarray((bin_of[:, None] == np.arange(len(edges) + 1)) & ~np.isnan(values)[:, None])

    def units(self, targets: Tensor) -> Unit:
        """Return mean and standard deviation of the known numbers.

        Raises:
            DataError: there is none.
        """
        known = _known(targets)
        if not len(known):
            raise DataError(f"No training image has a number for {self.name!r}: there is nothing to learn.")
        return float(known.mean()), float(known.std(correction=0)) or 1.0

    def difference(self, before: Tensor, after: Tensor) -> float:
        """Return by how much two models' numbers differ at most, as a share of the largest."""
        largest = before.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
        return float((before - after).abs().max() / largest)

    def cell(self, probability: float) -> str:
        """Return a number with as many digits as 32 bits hold."""
        return f"{probability:.9g}"

    def in_a_file(self, probabilities: Tensor) -> Tensor:
        """Return numbers as whoever reads such a table gets them, float64 (N, 1)."""
        read = [float(self.cell(value)) for value in probabilities[:, 0].tolist()]
        return torch.tensor(read, dtype=torch.float64)[:, None]

    def words(self, marked: Tensor) -> list[str]:
        """Return each number (N) of targets or choices as people read it."""
        return [self.without if np.isnan(value) else f"{value:.6g}" for value in self.as_evidence(marked)]


def _known(targets: Tensor) -> Tensor:
    return targets[~targets[:, 0].isnan(), 0].double()


def number_mark(text: str) -> Mapping[int, float] | tuple[()]:
    """Return what a cell says as the mark of a number; nothing where that is not known.

    Raises:
        ValueError: it is no number.
    """
    text = text.strip()
    if text.casefold() in _UNKNOWN:
        return ()
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number{meant_number(text)}") from None
    if "_" in text:  # which only programs of Python's kind read
        raise ValueError(f"{text!r} is no number{meant_number(text)}")
    if not abs(value) < _LARGEST:
        raise ValueError(f"{text!r} is no finite number of 32 bits")
    return {0: value}

"""Which numbers training has: what the numbers of a submission are held against."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset.tasks.answers import Answers

_PARTS = 10  # that have about as many of the numbers each
_ROUNDED = 1e-6  # of the range: what digits that were left out may make of a number


@dataclass(frozen=True, slots=True)
class SeenNumbers:
    """The smallest number, the ends of tenths of them all, the largest; in a config ``0.2, 3, 9.5``."""

    edges: tuple[float, ...]

    @classmethod
    def from_text(cls, text: str) -> "SeenNumbers":
        try:
            edges = tuple(map(float, text.split(",")))
        except ValueError:
            raise ValueError(f"{text!r} is not numbers with a comma between them") from None
        if len(edges) < 2 or not all(map(math.isfinite, edges)) or list(edges) != sorted(set(edges)):
            raise ValueError(f"{text!r} is not two or more numbers that rise, the smallest one first")
        return cls(edges)

    @classmethod
    def of(cls, numbers: Iterable[float]) -> "SeenNumbers | None":
        """Return what there is of some numbers; None where they are not two different ones."""
        values = np.array([number for number in numbers if math.isfinite(number)])
        if not len(values):
            return None
        tenths = np.quantile(values, np.arange(_PARTS + 1) / _PARTS, method="nearest")
        edges = tuple(np.unique(tenths).tolist())
        return cls(edges) if len(edges) > 1 else None

    def __str__(self) -> str:
        return ", ".join(f"{edge:.9g}" for edge in self.edges)

    def answers(self, texts: Sequence[str]) -> Answers:
        """Return in which part each number (N) lies, or below or above all; what is none says nothing."""
        values = as_numbers(texts)
        inner = [f"{low:.4g} to {high:.4g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        labels = (f"below {self.edges[0]:.4g}", *inner, f"above {self.edges[-1]:.4g}")

        part = np.searchsorted(self.edges, values, side="right")
        part[self._among(values) & (part == 0)] = 1
        part[self._among(values) & (part == len(self.edges))] = len(self.edges) - 1
        shares = (part[:, None] == np.arange(len(labels))) & np.isfinite(values)[:, None]
        return Answers(labels, shares.astype(np.float32))

    def outside(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the numbers that lie below or above all that training has."""
        values = as_numbers(texts)
        return np.asarray(values[np.isfinite(values) & ~self._among(values)])

    def _among(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        slack = _ROUNDED * (self.edges[-1] - self.edges[0])
        return np.asarray((values >= self.edges[0] - slack) & (values <= self.edges[-1] + slack))


def as_numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return texts (N) as numbers; NaN where one is none."""
    return np.array([_number(text) for text in texts], dtype=np.float64)


def wrong_number(text: str) -> str | None:
    """Return what is wrong with a number that is handed in, or None."""
    if math.isfinite(_number(text)):
        return None
    return "is no number" if _is_no_number(text) else "is not a finite number"


def number_doubts(column: str, texts: Sequence[str], seen: SeenNumbers | None) -> list[str]:
    """Return what is odd about a column of numbers that are handed in, a line each."""
    doubts = []
    if len(texts) > 1 and len(set(as_numbers(texts).tolist())) == 1:
        doubts.append(f"All {len(texts)} answers in column {column!r} are {texts[0]}.")
    if seen is not None and len(outside := seen.outside(texts)):
        extremes = " and ".join(f"{value:.6g}" for value in dict.fromkeys((outside.min(), outside.max())))
        doubts.append(
            f"{len(outside)} of {len(texts)} answers in column {column!r} lie outside what training has, "
            f"{seen.edges[0]:.6g} to {seen.edges[-1]:.6g}, as {extremes}: lowest and highest in "
            "[task] bound them."
        )
    return doubts


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_no_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return True
    return False

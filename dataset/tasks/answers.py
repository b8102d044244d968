"""What the rows of a submission say, as numbers: to count, to compare, to check."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of N rows to one question: how much each says each of its K labels.

    Args:
        labels: (K) in words.
        shares: (N, K) in [0, 1]: 0 or 1, or probabilities.
        exclusive: whether one label is right; then a row of zeros says nothing and is not counted.
    """

    labels: tuple[str, ...]
    shares: NDArray[np.float32]
    exclusive: bool = True

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which rows (N) say something."""
        return np.asarray(self.shares.any(axis=1) | (not self.exclusive))

    @property
    def mean(self) -> NDArray[np.float64]:
        """The share of rows (K) that say each label; of no row, zeros."""
        return np.asarray(self.shares.sum(axis=0, dtype=np.float64) / max(1, self.counted.sum()))

    def differ(self, other: "Answers") -> NDArray[np.bool_]:
        """Return which rows (N) have another answer: the likeliest label, or the labels from 0.5 on."""
        if not self.exclusive:
            return np.asarray(((self.shares >= 0.5) != (other.shares >= 0.5)).any(axis=1))
        here, there = self.shares.argmax(axis=1), other.shares.argmax(axis=1)
        return np.asarray((here != there) | (self.counted != other.counted))


def one_hot(values: Sequence[str], labels: Sequence[str]) -> NDArray[np.float32]:
    """Return (N, K): 1 where a value is the label; a value that is none of them is a row of zeros."""
    index_of = {label: index for index, label in enumerate(labels)}
    shares = np.zeros((len(values), len(labels)), dtype=np.float32)
    marked = [(row, index_of[value]) for row, value in enumerate(values) if value in index_of]
    if marked:
        rows, columns = zip(*marked, strict=True)
        shares[list(rows), list(columns)] = 1
    return shares


def probabilities(rows: Sequence[Sequence[str]]) -> NDArray[np.float32]:
    """Return (N, K) from text; what is no number is 0."""
    return np.array([[_number(cell) for cell in row] for row in rows], dtype=np.float32)


def no_probability(value: str) -> str | None:
    """Return what is wrong with a probability, or None."""
    return None if 0 <= _number(value, -1.0) <= 1 else "is no probability in [0, 1]"


def _number(text: str, otherwise: float = 0.0) -> float:
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return otherwise if math.isnan(value) else value


def likeliest(by_space: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
    """Return the index (N,) of the highest value of each space, from probabilities or logits (N, K)."""
    return {name: np.asarray(values.numpy().argmax(axis=1)) for name, values in by_space.items()}


def marked_index(marked: Tensor) -> NDArray[np.int64]:
    """Return the label (N,) that is marked most in each row (N, K), -1 in a row of zeros."""
    index = marked.float().argmax(dim=1)
    index[~(marked > 0).any(dim=1)] = -1
    return np.asarray(index.cpu().numpy(), dtype=np.int64)

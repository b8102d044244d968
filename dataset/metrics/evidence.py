"""What N images say about one question: what is right, what was answered, and how sure that was.

Shapes: N images, K labels, M of the images labelled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
AnyFloats = NDArray[np.floating[Any]]
Pairs = tuple[Indices, Indices]  # images and, of each, a label


@dataclass(frozen=True)
class Evidence:
    """The images, their true labels, and two functions that say more for those metrics that ask.

    Args:
        labels: (K) in words.
        true: what is right: (N,) label indices with -1 where nobody knows, or (N, K) marks.
        decide: returns what was answered, in the same form; -1 where nothing was.
        sure: returns the probability of each label, (N, K).
    """

    labels: tuple[str, ...]
    true: NDArray[Any]
    decide: Callable[[], NDArray[Any]]
    sure: Callable[[], AnyFloats]

    kind = "abstract"  # as that of a label space

    def __len__(self) -> int:
        return len(self.true)

    @cached_property
    def chosen(self) -> NDArray[Any]:
        """What was answered, in the form of ``true``."""
        return self.decide()

    @cached_property
    def probabilities(self) -> AnyFloats:
        """The probability of each label, (N, K)."""
        return self.sure()

    @property
    def known(self) -> Indices:
        """The images (M) that are labelled: all others are left out of a score."""
        raise NotImplementedError

    @property
    def marks(self) -> NDArray[np.bool_]:
        """Which labels the labelled images have, (M, K)."""
        raise NotImplementedError

    @property
    def true_pairs(self) -> Pairs:
        """Each labelled image with each label that it has."""
        raise NotImplementedError

    @property
    def chosen_pairs(self) -> Pairs:
        """Each labelled image with each label that it was given."""
        raise NotImplementedError

    @property
    def right_pairs(self) -> Pairs:
        """Each labelled image with each label that it has and was given."""
        raise NotImplementedError

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which of the labelled images (M) were answered without a fault."""
        raise NotImplementedError

    def only(self, labels: Sequence[int]) -> "Evidence":
        """Return what is said of some of the labels; no image may lose its only one."""
        raise NotImplementedError

    def numbers(self) -> tuple[AnyFloats, AnyFloats]:
        """Return the true and the answered number of each labelled image (M,).

        Raises:
            ValueError: the labels are no numbers.
        """
        raise ValueError(f"the labels are no numbers: {', '.join(map(repr, self.labels[:3]))}")


class OneOfEvidence(Evidence):
    """Of each image one label is right: ``true`` and ``chosen`` are indices (N,), or -1."""

    kind = "one_of"

    @cached_property
    def known(self) -> Indices:
        return np.flatnonzero(self.true >= 0)

    @property
    def marks(self) -> NDArray[np.bool_]:
        return np.asarray(self.true[self.known, None] == np.arange(len(self.labels)))

    @property
    def true_pairs(self) -> Pairs:
        return self.known, self.true[self.known]

    @property
    def chosen_pairs(self) -> Pairs:
        images = self.known[self.chosen[self.known] >= 0]
        return images, self.chosen[images]

    @property
    def right_pairs(self) -> Pairs:
        images = self.known[self.right]
        return images, self.true[images]

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.true[self.known] == self.chosen[self.known])

    def only(self, labels: Sequence[int]) -> "OneOfEvidence":
        position = np.full(len(self.labels) + 1, -1)  # index -1 finds the last one
        position[list(labels)] = np.arange(len(labels))
        names = tuple(self.labels[label] for label in labels)
        return replace(
            self,
            labels=names,
            true=position[self.true],
            decide=lambda: position[self.chosen],
            sure=lambda: self.probabilities[:, list(labels)],
        )

    def numbers(self) -> tuple[AnyFloats, AnyFloats]:
        try:
            values = np.array([float(label) for label in self.labels])
        except ValueError:
            return super().numbers()
        if not np.isfinite(values).all():
            return super().numbers()
        return values[self.true[self.known]], values[self.chosen[self.known]]


class NumberEvidence(Evidence):
    """Of each image a number: ``true`` and ``chosen`` are floats (N,), NaN where nobody knows."""

    kind = "number"

    @cached_property
    def known(self) -> Indices:
        return np.flatnonzero(~np.isnan(self.true))

    @property
    def marks(self) -> NDArray[np.bool_]:
        return np.ones((len(self.known), len(self.labels)), dtype=np.bool_)

    @property
    def true_pairs(self) -> Pairs:
        return self.known, np.zeros(len(self.known), dtype=np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.true[self.known] == self.chosen[self.known])

    def only(self, labels: Sequence[int]) -> "NumberEvidence":
        return self  # there is but one

    def numbers(self) -> tuple[AnyFloats, AnyFloats]:
        return self.true[self.known], self.chosen[self.known]


class AnyOfEvidence(Evidence):
    """Of each image any number of labels is right: ``true`` and ``chosen`` are marks (N, K)."""

    kind = "any_of"

    @cached_property
    def known(self) -> Indices:
        return np.arange(len(self.true))

    @property
    def marks(self) -> NDArray[np.bool_]:
        return self.true

    @property
    def true_pairs(self) -> Pairs:
        images, labels = np.nonzero(self.true)
        return images, labels

    @property
    def chosen_pairs(self) -> Pairs:
        images, labels = np.nonzero(self.chosen)
        return images, labels

    @property
    def right_pairs(self) -> Pairs:
        images, labels = np.nonzero(self.true & self.chosen)
        return images, labels

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray((self.true == self.chosen).all(axis=1))

    def only(self, labels: Sequence[int]) -> "AnyOfEvidence":
        names, columns = tuple(self.labels[label] for label in labels), list(labels)
        return replace(
            self,
            labels=names,
            true=self.true[:, columns],
            decide=lambda: self.chosen[:, columns],
            sure=lambda: self.probabilities[:, columns],
        )

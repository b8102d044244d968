"""Counts of images that only have to be added up to give a score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.draws import Draws
from utils.metrics import Weights

_DENSE = 4_000_000  # numbers of (groups, counts) up to which a plain matrix product is quicker


@dataclass(frozen=True, slots=True)
class Tally:
    """What each image adds to each of C counts, where that is not 0.

    Args:
        image: (E,) which image adds something.
        count: (E,) to which of the counts, in [0, C).
        amount: (E,) how much.
        width: C.
    """

    image: NDArray[np.int64]
    count: NDArray[np.int64]
    amount: NDArray[np.float64]
    width: int

    @classmethod
    def of_pairs(cls, *parts: tuple[NDArray[np.int64], NDArray[np.int64]], labels: int) -> "Tally":
        """Return a count of images for each label of each part: first all labels of the first one."""
        image = np.concatenate([images for images, _ in parts])
        count = np.concatenate([number * labels + counted for number, (_, counted) in enumerate(parts)])
        return cls(image, count, np.ones(len(image)), labels * len(parts))

    @classmethod
    def of_sums(cls, images: NDArray[np.int64], *amounts: NDArray[Any]) -> "Tally":
        """Return the sum of each amount (M,) over the images (M,)."""
        width = len(amounts)
        count = np.repeat(np.arange(width), len(images))
        return cls(np.tile(images, width), count, np.concatenate(amounts).astype(np.float64), width)

    @classmethod
    def joined(cls, parts: Sequence["Tally"]) -> "Tally":
        """Return the counts of several tallies behind one another."""
        starts = np.cumsum([0, *(part.width for part in parts)])
        images = [part.image for part in parts]
        counts = [part.count + start for part, start in zip(parts, starts, strict=False)]
        amounts = [part.amount for part in parts]
        return cls(
            np.concatenate(images), np.concatenate(counts), np.concatenate(amounts), width=int(starts[-1])
        )

    def sums(self, weights: Weights | NDArray[np.floating[Any]] | None = None) -> NDArray[np.float64]:
        """Return the counts (C,) where each image (N) counts so often; None: once."""
        amount = self.amount if weights is None else self.amount * weights[self.image]
        return np.bincount(self.count, amount, minlength=self.width).astype(np.float64)

    def drawn(self, draws: Draws) -> Iterator[NDArray[np.float64]]:
        """Yield the counts (r, C), some draws at a time: a product of draws x groups and groups x counts."""
        group = draws.group[self.image]
        if draws.size * self.width <= _DENSE:
            flat = np.bincount(group * self.width + self.count, self.amount, draws.size * self.width)
            of_groups = flat.reshape(draws.size, self.width)
            for part in draws.parts():
                yield part.astype(np.float64) @ of_groups
            return

        from scipy import sparse  # late: a fifth of a second that only large tables need

        sparse_groups = sparse.csr_array(
            (self.amount, (self.count, group)), shape=(self.width, draws.size), dtype=np.float64
        )
        for part in draws.parts():
            yield np.asarray((sparse_groups @ part.T.astype(np.float64)).T)

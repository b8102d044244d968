"""How often each image counts in the draws of a bootstrap.

Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979. Groups are drawn, not images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from utils.metrics import Weights
from utils.seeds import numpy_generator

_AT_ONCE = 4_000_000  # numbers of draws of groups that are held
_IN_CACHE = 30_000  # of them, counted together


@dataclass(frozen=True)
class Draws:
    """Draws of G groups with replacement; the order of the images changes nothing about what each gets.

    Args:
        groups: (N) whose image it is.
        seed: of the draws.
        repeats: R, how many draws.
    """

    groups: Sequence[str]
    seed: int
    repeats: int

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """The group of each image (N), as a number from 0."""
        return np.unique(np.asarray(self.groups), return_inverse=True)[1].astype(np.int64)

    @property
    def size(self) -> int:
        """G."""
        return int(self.group.max(initial=-1)) + 1

    def parts(self) -> Iterator[NDArray[np.int64]]:
        """Yield how often each group was drawn (r, G), some draws at a time; not to be written to."""
        if self._most >= self.repeats:  # the same for every score: drawn once
            yield from self._whole
        else:
            yield from self._drawn()

    @cached_property
    def _whole(self) -> list[NDArray[np.int64]]:
        return list(self._drawn())

    @property
    def _most(self) -> int:
        return max(1, _AT_ONCE // max(1, self.size))

    def _drawn(self) -> Iterator[NDArray[np.int64]]:
        generator = numpy_generator("bootstrap", self.seed)
        size, left = self.size, self.repeats

        while left:
            count = min(self._most, left)
            counts = np.empty((count, size), np.int64)
            together = max(1, _IN_CACHE // max(1, size))
            for start in range(0, count, together):
                some = counts[start : start + together]
                drawn = generator.integers(size, size=some.shape)  # the numbers of one draw after another
                drawn += size * np.arange(len(some))[:, None]
                some[:] = np.bincount(drawn.ravel(), minlength=some.size).reshape(some.shape)
            counts.flags.writeable = False
            yield counts
            left -= count

    def weights(self, most: int) -> Iterator[Weights]:
        """Yield how often each image counts (N) in the first ``most`` draws."""
        left = most
        for part in self.parts():
            for counts in part[:left]:
                yield counts[self.group]
            left -= len(part)
            if left <= 0:
                return

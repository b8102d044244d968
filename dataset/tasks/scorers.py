"""What gives all scores of some predictions where an image counts several times, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.base import AnyWeights, Statistic
from dataset.metrics.draws import Draws


@dataclass(frozen=True, slots=True)
class ScoredTogether:
    """Some scores that are counted together."""

    names: tuple[str, ...]
    statistic: Statistic


class Scorer:
    """The scores of predictions of N images.

    Args:
        parts: everything about the predictions that does not depend on how often an image counts.
        means: the names of scores that are the mean of others; they come first.
        lower: the names of those scores of which less is better.
    """

    def __init__(
        self,
        parts: Sequence[ScoredTogether],
        means: Mapping[str, Sequence[str]] | None = None,
        lower: frozenset[str] = frozenset(),
    ) -> None:
        self.parts, self.means, self.lower = parts, dict(means or {}), lower

    def __call__(self, weights: AnyWeights = None) -> dict[str, float]:
        """Return the scores by name where each image (N) counts so often; None: once."""
        values: dict[str, float] = {}
        for part in self.parts:
            values |= zip(part.names, part.statistic.once(weights).tolist(), strict=True)
        main = {
            name: fmean(values[of_question] for of_question in names) for name, names in self.means.items()
        }
        return main | values

    def drawn(self, draws: Draws) -> dict[str, NDArray[np.float64]]:
        """Return the scores by name in each draw (R,), of slow ones in the first draws only."""
        values: dict[str, NDArray[np.float64]] = {}
        for part in self.parts:
            values |= zip(part.names, part.statistic.drawn(draws).T, strict=True)

        main = {}
        for name, names in self.means.items():
            fewest = min(len(values[of_question]) for of_question in names)
            main[name] = np.mean([values[of_question][:fewest] for of_question in names], axis=0)
        return main | values

    def direction(self, name: str) -> int:
        """Return 1 where more is better, and -1 where less is."""
        return -1 if name in self.lower else 1

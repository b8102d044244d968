"""Random questions: labels, answers and probabilities with ties, labels on no image, and weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies
from numpy.typing import NDArray

from dataset.metrics.evidence import AnyOfEvidence, Evidence, OneOfEvidence


@dataclass
class Question:
    """What a metric is given, and the same as scikit-learn takes it: only labelled images."""

    evidence: Evidence
    true: NDArray[Any]
    chosen: NDArray[Any]
    sure: NDArray[np.float64]
    weights: NDArray[Any]  # of all images
    counted: NDArray[Any]  # of those that are labelled

    @property
    def labels(self) -> int:
        return len(self.evidence.labels)


@strategies.composite
def one_of(draw: strategies.DrawFn, least: int = 2, most: int = 5) -> Question:
    """One label of a few; some images have none, and some labels are on no image."""
    random = np.random.default_rng(draw(strategies.integers(0, 2**32)))
    count, labels = draw(strategies.integers(1, 25)), draw(strategies.integers(least, most))
    true = random.integers(-1, max(1, labels - draw(strategies.integers(0, 1))), count)
    true[0] = max(true[0], 0)
    levels = draw(strategies.sampled_from([2, 4, 1000]))  # few: many are equal
    sure = random.integers(1, levels + 1, (count, labels)).astype(np.float64)
    sure /= sure.sum(axis=1, keepdims=True)
    chosen = sure.argmax(axis=1)
    weights = random.integers(0, 4, count) if draw(strategies.booleans()) else random.random(count) + 0.01
    if not weights[true >= 0].any():
        weights[0] = 1

    names = tuple(map(str, range(labels)))
    evidence = OneOfEvidence(names, true, lambda: chosen, lambda: sure)
    known = true >= 0
    return Question(evidence, true[known], chosen[known], sure[known], weights, weights[known])


@strategies.composite
def any_of(draw: strategies.DrawFn) -> Question:
    """Any number of a few labels."""
    random = np.random.default_rng(draw(strategies.integers(0, 2**32)))
    count, labels = draw(strategies.integers(1, 25)), draw(strategies.integers(2, 5))
    true = random.random((count, labels)) < draw(strategies.sampled_from([0.05, 0.5]))
    sure = random.integers(0, draw(strategies.sampled_from([2, 4, 1000])) + 1, (count, labels)).astype(float)
    sure /= max(1.0, sure.max())
    chosen = sure >= 0.5
    weights = random.integers(0, 4, count)
    if not weights.any():
        weights[0] = 1
    names = tuple(map(str, range(labels)))
    evidence = AnyOfEvidence(names, true, lambda: chosen, lambda: sure)
    return Question(evidence, true, chosen, sure, weights, weights)

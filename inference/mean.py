"""The mean of several models' probabilities."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dataset.tasks.spaces import Space
from inference.predict import Predictions


def mean_probabilities(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of probabilities (N, K) by space, float64; each part is a model's."""
    return {space: torch.stack([part[space].double() for part in parts]).mean(dim=0) for space in parts[0]}


def mean_predictions(spaces: Sequence[Space], parts: Sequence[Predictions]) -> Predictions:
    """Return logits of the mean probabilities of models that predicted the same images; of one, its own."""
    first = parts[0]
    if len(parts) == 1:
        return first
    probabilities = mean_probabilities(
        [{space.name: space.probabilities(part.logits[space.name]) for space in spaces} for part in parts]
    )
    logits = {space.name: space.logits(probabilities[space.name]) for space in spaces}
    return Predictions(first.rows, logits, first.targets)

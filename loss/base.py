"""What every loss does, and the one that the Trainer sees: a loss for each label space."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from utils.registry import Registry


class Loss(nn.Module):
    """A loss of one label space; ``accepts`` names the kinds of space that it makes sense for."""

    accepts: ClassVar[frozenset[str]] = frozenset({"one_of"})

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return a scalar, the mean over the labelled images.

        Args:
            logits: (N, K) float, unbounded.
            targets: (N, K) float in [0, 1]; in a "one of" space a row of zeros is not labelled.
        """
        raise NotImplementedError


def mean_over_labelled(per_image: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of ``per_image`` (N) over the rows of ``targets`` (N, K) that are not all zero.

    With no labelled row it is 0, and so is its gradient.
    """
    labelled = (targets.sum(dim=1) > 0).to(per_image.dtype)
    return (per_image * labelled).sum() / labelled.sum().clamp(min=1)


class PerHeadLoss(nn.Module):
    """The weighted mean of one loss for each label space.

    Args:
        losses: by space.
        weights: of each space, at least 0, not all 0; they are divided by their sum, so that the
            learning rate means the same with any of them.
    """

    def __init__(self, losses: Mapping[str, Loss], weights: Mapping[str, float]) -> None:
        super().__init__()
        total = sum(weights[name] for name in losses)
        if total <= 0:
            raise ValueError("at least one head's loss needs a weight above 0")
        self.losses = nn.ModuleDict(losses)
        self.weights = {name: weights[name] / total for name in losses}

    def forward(self, logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Return a scalar in float32 from logits and targets (N, K) by space."""
        parts = [
            self.weights[name] * loss(logits[name].float(), targets[name])
            for name, loss in self.losses.items()
        ]
        return torch.stack(parts).sum()


LOSSES: Registry[Loss] = Registry("loss", "loss")

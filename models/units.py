"""The units in which a model learns numbers, so that its weights mean the same whatever is measured."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Units(nn.Module):
    """Turns a head's output x into the number spread * x + mean, of each space that is a number.

    Both are kept with the weights: whoever loads them can't take others.

    Args:
        spaces: those that are numbers.
    """

    def __init__(self, spaces: Sequence[str]) -> None:
        super().__init__()
        self._spaces = tuple(spaces)  # a name that no column has: those of the buffers are the columns'
        for space in self._spaces:
            self.register_buffer(space, torch.tensor([0.0, 1.0]))

    def forward(self, logits: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the same logits (N, K) by space, but numbers (N, 1) in the units of the training data."""
        scaled = dict(logits)
        for space in self._spaces:
            mean, spread = self.get_buffer(space)
            scaled[space] = logits[space] * spread + mean
        return scaled


@torch.no_grad()
def set_units(model: nn.Module, units: Mapping[str, tuple[float, float]]) -> None:
    """Give a model the mean and the spread of each space that is a number."""
    for module in model.modules():
        if isinstance(module, Units):
            for space, buffer in module.named_buffers():
                buffer.copy_(torch.tensor(units[space]))

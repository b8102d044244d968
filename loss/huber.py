"""An error that is squared while it is small."""

from torch import Tensor

from loss.base import LOSSES
from loss.numbers import NumberLoss
from utils.convert import Factor


@LOSSES.register
class Huber(NumberLoss):
    """error^2 / 2 up to ``delta``, and delta (|error| - delta / 2) beyond: outliers pull less.

    Source: Huber, 1964, "Robust Estimation of a Location Parameter", equation 2.

    Args:
        delta: in units of the training data's spread, above 0.
    """

    def __init__(self, *, delta: Factor = 1.0) -> None:
        super().__init__()
        self.delta = delta

    def cost(self, error: Tensor) -> Tensor:
        size = error.abs()
        near = size.clamp(max=self.delta)
        return near * (size - near / 2)

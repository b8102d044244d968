"""An error that counts more on one side."""

from typing import Annotated

from torch import Tensor

from loss.base import LOSSES
from loss.numbers import NumberLoss
from utils.convert import Interval


@LOSSES.register
class Quantile(NumberLoss):
    """quantile * error where the answer is too low, (quantile - 1) * error where it is too high.

    Its best answer is that quantile: the number below which such a share of what is true lies.

    Source: Koenker and Bassett, 1978, "Regression Quantiles".

    Args:
        quantile: in (0, 1); 0.5 is half the absolute error.
    """

    def __init__(self, *, quantile: Annotated[float, Interval(0, 1)] = 0.5) -> None:
        super().__init__()
        if not 0 < quantile < 1:
            raise ValueError(f"quantile = {quantile:g} must lie above 0 and below 1")
        self.quantile = quantile

    def cost(self, error: Tensor) -> Tensor:
        return (self.quantile * error).maximum((self.quantile - 1) * error)

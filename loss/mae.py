"""The absolute error."""

from torch import Tensor

from loss.base import LOSSES
from loss.numbers import NumberLoss


@LOSSES.register
class MAE(NumberLoss):
    """|target - logit|, whose best answer is the median: what MAE asks for."""

    def cost(self, error: Tensor) -> Tensor:
        return error.abs()

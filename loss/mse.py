"""The squared error."""

from torch import Tensor

from loss.base import LOSSES
from loss.numbers import NumberLoss


@LOSSES.register
class MSE(NumberLoss):
    """(target - logit)^2, whose best answer is the mean: what RMSE and R2 ask for."""

    def cost(self, error: Tensor) -> Tensor:
        return error.square()

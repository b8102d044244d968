"""A rate that falls in steps."""

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler
from utils.convert import Epochs, Fraction, NonNegative


@SCHEDULERS.register
class StepLR(Scheduler):
    """rate = base * gamma ** floor(epoch / step_size), as torch's StepLR.

    Args:
        step_size: epochs between two falls.
        gamma: factor of each fall.
        warmup: epochs before all that, in which the rate rises from 0.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        steps_per_epoch: int,
        step_size: Epochs = 10.0,
        gamma: Fraction = 0.5,
        warmup: NonNegative = 0.0,
    ) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)
        self.step_size, self.gamma = step_size, gamma

    def rate(self, base: float, epoch: float) -> float:
        return float(base * self.gamma ** (epoch // self.step_size))

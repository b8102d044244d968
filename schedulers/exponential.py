"""A rate that falls by the same share in every epoch."""

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler
from utils.convert import Fraction, NonNegative


@SCHEDULERS.register
class Exponential(Scheduler):
    """rate = base * gamma ** epoch, as torch's ExponentialLR, but falling smoothly within an epoch too.

    Args:
        gamma: factor of an epoch.
        warmup: epochs before all that, in which the rate rises from 0.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        steps_per_epoch: int,
        gamma: Fraction = 0.95,
        warmup: NonNegative = 0.0,
    ) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)
        self.gamma = gamma

    def rate(self, base: float, epoch: float) -> float:
        return float(base * self.gamma**epoch)

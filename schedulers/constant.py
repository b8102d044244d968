"""No schedule."""

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler
from utils.convert import NonNegative


@SCHEDULERS.register
class Constant(Scheduler):
    """The same rate throughout.

    Args:
        warmup: epochs in which the rate rises from 0.
    """

    def __init__(self, *, optimizer: Optimizer, steps_per_epoch: int, warmup: NonNegative = 0.0) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)

    def rate(self, base: float, epoch: float) -> float:
        return base

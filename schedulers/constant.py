"""No schedule."""

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler


@SCHEDULERS.register
class Constant(Scheduler):
    """The same rate throughout."""

    def __init__(self, *, optimizer: Optimizer, steps_per_epoch: int) -> None:
        super().__init__(optimizer, steps_per_epoch)

    def rate(self, base: float, epoch: float) -> float:
        return base

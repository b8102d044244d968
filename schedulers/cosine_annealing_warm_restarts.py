"""A cosine that starts again, each time for longer."""

import math
from typing import Annotated

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler
from utils.convert import Count, Interval, NonNegative


@SCHEDULERS.register
class CosineAnnealingWarmRestarts(Scheduler):
    """From the base rate to ``eta_min`` in T_0 epochs, then again in T_0 * T_mult, and so on.

    Source: Loshchilov and Hutter, 2016, https://arxiv.org/abs/1608.03983 (SGDR).

    Args:
        T_0: epochs of the first cycle.
        T_mult: how many times longer each next cycle is.
        eta_min: the rate at the end of a cycle.
        warmup: epochs before the first cycle, in which the rate rises from 0.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        steps_per_epoch: int,
        T_0: Annotated[float, Interval(0.01)] = 10.0,  # noqa: N803 (the paper's and torch's name)
        T_mult: Count = 1,  # noqa: N803
        eta_min: NonNegative = 0.0,
        warmup: NonNegative = 0.0,
    ) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)
        self.length, self.factor, self.eta_min = T_0, T_mult, eta_min

    def rate(self, base: float, epoch: float) -> float:
        start, length = 0.0, self.length
        while epoch >= start + length:
            start, length = start + length, length * self.factor
        cosine = math.cos(math.pi * (epoch - start) / length)
        return self.eta_min + (base - self.eta_min) * (1 + cosine) / 2

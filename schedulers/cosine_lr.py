"""Cosines that start again, each time lower and for longer."""

import math
from typing import Annotated

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler
from utils.convert import Count, Epochs, Fraction, Interval, NonNegative

GrowthFactor = Annotated[float, Interval(1)]


@SCHEDULERS.register
class CosineLR(Scheduler):
    """timm's CosineLRScheduler at every step: restarts with decay, then ``lr_min`` for good.

    The defaults are those of a team that found this schedule best on the mask competition.

    Source: Loshchilov and Hutter, 2016, https://arxiv.org/abs/1608.03983 (SGDR); decay, limit and
    warm-up are timm's.

    Args:
        t_initial: epochs of the first cycle.
        cycle_mul: how many times longer each next cycle is.
        cycle_decay: factor on the highest rate of each next cycle.
        cycle_limit: number of cycles.
        lr_min: the rate at the end of each cycle, the same for every parameter group.
        warmup_t: epochs in which the rate rises from ``warmup_lr_init``; they are the first part of the
            first cycle, whose cosine goes on as if it had begun at 0 (timm's ``warmup_prefix = False``).
        warmup_lr_init: the rate at the start of those, the same for every parameter group.
        warmup: epochs before the first cycle, in which the rate rises from 0 to the cycle's first rate.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        steps_per_epoch: int,
        t_initial: Epochs = 10.0,
        cycle_mul: GrowthFactor = 1.2,
        cycle_decay: Fraction = 0.5,
        cycle_limit: Count = 10,
        lr_min: NonNegative = 1e-5,
        warmup_t: NonNegative = 3.0,
        warmup_lr_init: NonNegative = 1e-5,
        warmup: NonNegative = 0.0,
    ) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)
        self.t_initial, self.cycle_mul, self.cycle_decay = t_initial, cycle_mul, cycle_decay
        self.cycle_limit, self.lr_min = cycle_limit, lr_min
        self.warmup_t, self.warmup_lr_init = warmup_t, warmup_lr_init

    def first(self, base: float) -> float:
        return self.warmup_lr_init if self.warmup_t else base

    def rate(self, base: float, epoch: float) -> float:
        if epoch < self.warmup_t:
            return self.warmup_lr_init + (base - self.warmup_lr_init) * epoch / self.warmup_t
        start, length, highest = 0.0, self.t_initial, base
        for _ in range(self.cycle_limit):
            if epoch < start + length:
                cosine = math.cos(math.pi * (epoch - start) / length)
                return self.lr_min + (highest - self.lr_min) * (1 + cosine) / 2
            start, length = start + length, length * self.cycle_mul
            highest *= self.cycle_decay
        return self.lr_min

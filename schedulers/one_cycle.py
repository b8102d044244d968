"""A rate that rises once, high, and falls to almost nothing."""

import math
from typing import Annotated

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler
from utils.convert import Fraction, Interval, NonNegative

Divisor = Annotated[float, Interval(1)]


@SCHEDULERS.register
class OneCycle(Scheduler):
    """Along half a cosine up to the optimiser's ``lr``, and along another one down, as torch's OneCycleLR.

    As there, the lowest rate is that of the run's last step. Momentum stays as the optimiser has it
    (torch's ``cycle_momentum = False``).

    Source: Smith and Topin, 2017, https://arxiv.org/abs/1708.07120; the cosines are torch's.

    Args:
        pct_start: share of the run in which the rate rises.
        div_factor: the first rate is ``lr`` / div_factor.
        final_div_factor: the last rate is the first one / final_div_factor.
        warmup: epochs before the cycle, in which the rate rises from 0 to the cycle's first rate; the
            cycle rises by itself, so it seldom needs one.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        steps_per_epoch: int,
        epochs: int,
        pct_start: Fraction = 0.3,
        div_factor: Divisor = 25.0,
        final_div_factor: Divisor = 1e4,
        warmup: NonNegative = 0.0,
    ) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)
        length, step = self.after_warmup(epochs), 1 / steps_per_epoch
        self.peak, self.end = pct_start * length - step, length - step  # epochs, at the start of a step
        self.div_factor, self.final_div_factor = div_factor, final_div_factor

    def first(self, base: float) -> float:
        return base / self.div_factor

    def rate(self, base: float, epoch: float) -> float:
        low = self.first(base)
        if epoch < self.peak:
            return _between(low, base, epoch / self.peak)
        fall = max(self.end - self.peak, 1e-9)  # pct_start = 1 has none
        return _between(base, low / self.final_div_factor, min(1.0, (epoch - self.peak) / fall))


def _between(start: float, end: float, done: float) -> float:
    """Return the value at ``done``, in [0, 1], on half a cosine from ``start`` to ``end``."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2

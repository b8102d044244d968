"""A rate that falls along half a cosine over the whole run."""

import math

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler
from utils.convert import NonNegative


@SCHEDULERS.register
class CosineAnnealing(Scheduler):
    """From the base rate to ``eta_min`` over all epochs, after a linear warm-up.

    Source: Loshchilov and Hutter, 2016, https://arxiv.org/abs/1608.03983, equation 5.

    Args:
        eta_min: the rate at the end.
        warmup: epochs in which the rate rises from 0; the cosine takes the rest of the run.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        steps_per_epoch: int,
        epochs: int,
        eta_min: NonNegative = 0.0,
        warmup: NonNegative = 0.0,
    ) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)
        self.epochs, self.eta_min = self.after_warmup(epochs), eta_min

    def rate(self, base: float, epoch: float) -> float:
        done = min(1.0, epoch / self.epochs)
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * done)) / 2

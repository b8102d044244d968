"""What every scheduler does: the learning rate as a function of the time trained, in epochs."""

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer

from utils.registry import Registry

EpochScores = dict[str, float]  # the scores of a finished epoch
ScoreHistory = Sequence[EpochScores]
ScoreOf = Callable[[EpochScores], float]  # the run's ``monitor`` as a number, higher is better


class Scheduler:
    """Sets the rate of each parameter group before every optimiser step.

    A schedule is a pure function of time and of the scores so far, so there is no state to save and
    none to step wrongly.

    Runtime arguments that a constructor may name: ``optimizer``, ``steps_per_epoch``, ``epochs`` (of the
    run) and ``score_of`` (an epoch's monitored score, higher is better).

    Args:
        optimizer: its rates as they are now are the base rates; a group with a ``rate_factor`` gets that
            many times what the schedule says.
        steps_per_epoch: optimiser steps of a pass over the data.
        warmup: epochs in which the rate rises in a straight line from 0 to the schedule's first one;
            the schedule itself begins after them.
    """

    def __init__(self, optimizer: Optimizer, steps_per_epoch: int, warmup: float = 0.0) -> None:
        self.optimizer = optimizer
        self.steps_per_epoch = steps_per_epoch
        self.warmup = warmup
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])

    def rate(self, base: float, epoch: float) -> float:
        """Return the learning rate for a group's ``base`` rate.

        Args:
            base: the rate in the config.
            epoch: the time since the warm-up, in epochs, fractions included; at least 0.
        """
        raise NotImplementedError

    def first(self, base: float) -> float:
        """Return the rate that the warm-up rises to; other than ``base`` where a schedule starts lower."""
        return base

    def multiplier(self, history: ScoreHistory) -> float:
        """Return what the finished epochs' scores make of every rate: a factor, 1 without such a rule.

        Args:
            history: the epochs that began after the warm-up.
        """
        return 1.0

    def set_rates(self, epoch: float, history: ScoreHistory) -> None:
        """Set the rates for the next optimiser step.

        Args:
            epoch: the time in epochs, fractions included.
            history: the scores of every finished epoch that was validated.
        """
        factor = self.multiplier(history[math.ceil(self.warmup) :])
        for group in self.optimizer.param_groups:
            scheduled = self._warmed(group["initial_lr"], epoch)
            group["lr"] = scheduled * factor * group.get("rate_factor", 1.0)

    def after_warmup(self, epochs: int) -> float:
        """Return how many of the run's ``epochs`` the schedule itself has.

        Raises:
            ValueError: it has none.
        """
        if self.warmup >= epochs:
            raise ValueError(f"warmup = {self.warmup:g} epochs must be shorter than the run's {epochs}")
        return epochs - self.warmup

    def _warmed(self, base: float, epoch: float) -> float:
        if epoch >= self.warmup:
            return self.rate(base, epoch - self.warmup)
        step = 1 / self.steps_per_epoch  # the first step is not wasted on a rate of 0
        return self.first(base) * (epoch + step) / (self.warmup + step)


SCHEDULERS: Registry[Scheduler] = Registry(
    "scheduler", "schedulers", runtime=("optimizer", "steps_per_epoch", "epochs", "score_of")
)

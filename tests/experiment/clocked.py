"""A process's clock that passes only in training steps: a time limit does the same on every machine."""

from collections.abc import Sequence

import pytest

from dataset.batches import Batch
from experiment import time_limit
from train.trainer import Trainer


class Clock:
    """Time that passes only in training steps, so many seconds in each."""

    def __init__(self) -> None:
        self.now, self.step = 5.0, 0.1

    def __call__(self) -> float:
        return self.now


def clock_of_steps(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put such a clock in the place of the process's; return it."""
    clock, step = Clock(), Trainer._step

    def ticked(self: Trainer, window: Sequence[Batch]) -> None:
        clock.now += clock.step
        step(self, window)

    monkeypatch.setattr(time_limit, "since_start", clock)
    monkeypatch.setattr(Trainer, "_step", ticked)
    return clock

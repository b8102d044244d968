"""Stops a run whose loss is no longer a number."""

import math

import torch
from torch import Tensor

from train.callbacks.base import CALLBACKS, Callback
from train.diverged import diverged
from train.state import TrainState


@CALLBACKS.register
class FiniteLoss(Callback):
    """Looks at the loss after every step, on a GPU one step late so that nothing waits for it."""

    def __init__(self) -> None:
        self._copy: Tensor | None = None
        self._copied: torch.cuda.Event | None = None

    def on_step_end(self, state: TrainState) -> None:
        if state.loss_sum.device.type != "cuda":
            self._check(float(state.loss_sum), state, state.step)
            return
        if self._copy is None or self._copied is None:
            self._copy = torch.zeros((), pin_memory=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        else:
            self._copied.synchronize()  # of the step before: done long ago, or nearly
            self._check(float(self._copy), state, state.step - 1)
        self._copy.copy_(state.loss_sum, non_blocking=True)
        self._copied.record()

    def _check(self, loss: float, state: TrainState, step: int) -> None:
        if not math.isfinite(loss):
            raise diverged(loss, epoch=state.epoch, step=step, rate=state.rate)

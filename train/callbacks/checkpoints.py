"""Keeps the last state and the best weights of a run."""

import math
import time
from pathlib import Path
from typing import Any

from train import checkpoint
from train.callbacks.base import CALLBACKS, Callback
from train.diverged import diverged
from train.monitor import Monitor
from train.state import TrainState
from utils.convert import NonNegative
from utils.errors import Diverged


@CALLBACKS.register
class Checkpoints(Callback):
    """``last`` after every epoch and every few minutes; ``best`` when the monitored score rises.

    Args:
        minutes: the longest time between two checkpoints inside an epoch; what a power cut can cost.
    """

    def __init__(self, *, folder: Path, monitor: Monitor, minutes: NonNegative = 5.0) -> None:
        self.folder, self.monitor, self.minutes = folder / "checkpoints", monitor, minutes
        self._saved = time.monotonic()

    def on_fit_start(self, state: TrainState) -> None:
        self._saved = time.monotonic()

    def on_step_end(self, state: TrainState) -> None:
        if time.monotonic() - self._saved > self.minutes * 60:
            self.save_last(state)

    def on_epoch_end(self, state: TrainState) -> None:
        if self.monitor.best(state.history) == len(state.history) - 1:
            values: dict[str, Any] = {
                "model": state.eval_model.state_dict(),
                "scores": state.history[-1],
            }
            checkpoint.save(self.folder, "best", state.step, values)
        self.save_last(state)  # after ``best``: a resumed run never repeats an epoch that it lacks

    def save_last(self, state: TrainState) -> None:
        """Write the whole state."""
        try:
            checkpoint.save(self.folder, "last", state.step, state.state_dict())
        except Diverged as error:  # of a step that nobody has looked at yet, as on a GPU
            what = "The state of training"
            raise diverged(
                math.nan, epoch=state.epoch, step=state.step, rate=state.rate, what=what
            ) from error
        self._saved = time.monotonic()

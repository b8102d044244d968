"""Keeps the last state and the best weights of a run."""

import math
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from train import checkpoint
from train.behind import When, pays
from train.callbacks.base import CALLBACKS, Callback
from train.diverged import diverged
from train.monitor import Monitor
from train.state import TrainState
from utils.convert import NonNegative
from utils.errors import Diverged


@CALLBACKS.register
class Checkpoints(Callback):
    """``last`` after every epoch and every few minutes; ``best`` when the monitored score gets better.

    Args:
        minutes: the longest time between two checkpoints inside an epoch; what a power cut can cost.
        behind: whether an epoch's are written beside the next one's steps, from a copy in memory; auto: on a
            GPU. The epoch is printed, logged and drawn when they are on the disk.
    """

    def __init__(
        self, *, folder: Path, monitor: Monitor, minutes: NonNegative = 5.0, behind: When = "auto"
    ) -> None:
        self.folder, self.monitor, self.minutes = folder / "checkpoints", monitor, minutes
        self.behind = behind
        self._saved = time.monotonic()
        self._last_write = 0.0  # seconds that are over when training is, and not when an epoch is

    @property
    def at_end(self) -> float:
        """The seconds that the last epoch's checkpoints take, if those of the others cost no time."""
        return self._last_write

    def on_fit_start(self, state: TrainState) -> None:
        self._saved = time.monotonic()

    def on_step_end(self, state: TrainState) -> None:
        # Not before the last epoch was told of: a run that is resumed from here takes it as told.
        if time.monotonic() - self._saved > self.minutes * 60 and not state.writing.untold:
            self.save_last(state)

    def on_epoch_end(self, state: TrainState) -> None:
        snapshots = {}
        copied = pays(state.loss_sum.device, self.behind)
        if self.monitor.best(state.history) == len(state.history) - 1:
            values = {"model": state.eval_model.state_dict(), "scores": state.history[-1]}
            snapshots["best"] = checkpoint.Snapshot(values, copied=copied)
        # After ``best``: a resumed run never repeats an epoch that it lacks.
        snapshots["last"] = _whole(state, copied=copied)

        write = partial(self._write, snapshots, state.step)
        if copied:
            self._last_write = state.writing.seconds
            state.writing.start(write)
        else:
            write()

    def save_last(self, state: TrainState) -> None:
        """Write the whole state now."""
        state.writing.wait()
        self._write({"last": _whole(state)}, state.step)

    def _write(self, snapshots: Mapping[str, checkpoint.Snapshot], step: int) -> None:
        for name, snapshot in snapshots.items():
            checkpoint.write(self.folder, name, step, snapshot)
        self._saved = time.monotonic()


def _whole(state: TrainState, *, copied: bool = False) -> checkpoint.Snapshot:
    try:
        return checkpoint.Snapshot(state.state_dict(), copied=copied)
    except Diverged as error:  # of a step that nobody has looked at yet, as on a GPU
        what = "The state of training"
        raise diverged(math.nan, epoch=state.epoch, step=state.step, rate=state.rate, what=what) from error

"""Ctrl-C and a scheduler's SIGTERM end a run cleanly."""

import signal
import threading
from pathlib import Path
from types import FrameType

from train.callback import CALLBACKS, Callback
from train.callbacks.checkpoints import Checkpoints
from train.monitor import Monitor
from train.state import TrainState
from utils.errors import ResumableStop


@CALLBACKS.register
class StopSignals(Callback):
    """The signal only sets a flag; after the step, or the validation, a checkpoint ends the run.

    A second signal ends the process at once.
    """

    def __init__(self, *, folder: Path, monitor: Monitor) -> None:
        self._checkpoints = Checkpoints(folder=folder, monitor=monitor)
        self._received = ""
        self._before: dict[signal.Signals, object] = {}

    def on_fit_start(self, state: TrainState) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)

    def on_step_end(self, state: TrainState) -> None:
        if self._received:
            self._checkpoints.save_last(state)
            self._stop(state)

    def on_epoch_kept(self, state: TrainState) -> None:
        if self._received:
            self._stop(state)

    def on_fit_end(self, state: TrainState) -> None:
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _stop(self, state: TrainState) -> None:
        raise ResumableStop(
            f"{self._received} in epoch {state.epoch + 1}: the state after step {state.step} is kept."
        )

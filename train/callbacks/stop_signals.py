"""Ctrl-C, a scheduler's SIGTERM and a closed terminal end a run cleanly."""

from contextlib import ExitStack
from pathlib import Path

from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.checkpoints import Checkpoints
from train.monitor import Monitor
from train.state import TrainState
from utils import signals
from utils.errors import ResumableStop


@CALLBACKS.register
class StopSignals(Callback):
    """A signal is only noted; after the step, or the validation, a checkpoint ends the run.

    A second signal ends it at once, with the checkpoint that is there.
    """

    def __init__(self, *, folder: Path, monitor: Monitor) -> None:
        self._checkpoints = Checkpoints(folder=folder, monitor=monitor)
        self._handled = ExitStack()

    def on_fit_start(self, state: TrainState) -> None:
        self._handled.enter_context(signals.handled())
        self._handled.callback(signals.release)
        signals.hold()

    def on_step_end(self, state: TrainState) -> None:
        if signals.received():
            self._checkpoints.save_last(state)
            self._stop(f"in epoch {state.epoch + 1}", state)

    def on_epoch_kept(self, state: TrainState) -> None:
        if signals.received():
            self._stop(f"after epoch {state.epoch}", state)

    def on_fit_end(self, state: TrainState) -> None:
        self._handled.close()

    def _stop(self, when: str, state: TrainState) -> None:
        name = signals.received()
        signals.forget()
        raise ResumableStop(f"{name} {when}: the state after step {state.step} is kept.")

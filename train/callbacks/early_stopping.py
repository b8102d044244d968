"""Ends a run that no longer improves."""

import logging

from train.callbacks.base import CALLBACKS, Callback
from train.monitor import Monitor
from train.state import TrainState
from utils.convert import Count

log = logging.getLogger("podium")


@CALLBACKS.register
class EarlyStopping(Callback):
    """Stops after ``patience`` epochs in a row without a better monitored score.

    Epochs in which layers wait to be melted (Freeze) don't count.

    Args:
        patience: epochs in a row without a better score.
    """

    needs_validation = True

    def __init__(self, *, monitor: Monitor, patience: Count = 5) -> None:
        self.monitor, self.patience = monitor, patience

    def on_fit_start(self, state: TrainState) -> None:
        if state.history:  # resumed just after the epoch that ended the run
            self.on_epoch_end(state)
            self.on_epoch_kept(state)

    def on_epoch_end(self, state: TrainState) -> None:
        if self._waited(state) >= self.patience:
            state.should_stop = True

    def on_epoch_kept(self, state: TrainState) -> None:
        if (waited := self._waited(state)) >= self.patience:
            log.info("Stopped: %s has not improved for %d epochs.", self.monitor.name, waited)

    def _waited(self, state: TrainState) -> int:
        """Return the number of epochs since the best one, or since the last one with frozen layers."""
        history = state.history
        frozen = max((number for number, entry in enumerate(history) if entry.get("frozen")), default=-1)
        return len(history) - 1 - max(self.monitor.best(history), frozen)

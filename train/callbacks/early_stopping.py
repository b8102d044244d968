"""Ends a run that no longer improves."""

import logging

from train.callback import CALLBACKS, Callback
from train.monitor import Monitor
from train.state import TrainState
from utils.convert import Count

log = logging.getLogger("podium")


@CALLBACKS.register
class EarlyStopping(Callback):
    """Stops after ``patience`` epochs in a row without a better monitored score."""

    def __init__(self, *, monitor: Monitor, patience: Count = 5) -> None:
        self.monitor, self.patience = monitor, patience

    def on_fit_start(self, state: TrainState) -> None:
        if state.history:  # resumed just after the epoch that ended the run
            self.on_epoch_end(state)

    def on_epoch_end(self, state: TrainState) -> None:
        waited = len(state.history) - 1 - self.monitor.best(state.history)
        if waited >= self.patience:
            log.info("Stopped: %s has not improved for %d epochs.", self.monitor.name, waited)
            state.should_stop = True

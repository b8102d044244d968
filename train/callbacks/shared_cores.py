"""What a run does about others on the same cores."""

import logging
import math
import time

import torch

from dataset.batches import TrainBatches
from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from train.validator import Validator
from utils.cores import cores
from utils.run_turns import turns
from utils.shared_cores import CoreWatch

log = logging.getLogger("podium")
_LONG = 1.0  # seconds of an epoch's end in which others should train


@CALLBACKS.register
class SharedCores(Callback):
    """Trains in turns with other runs on the same cores, and says once that they are shared.

    A turn is a fifth of a second, or a step, and an epoch's short end, if that takes longer. Two runs train
    at 0.4 to 0.5 of their speed alone, each, and in each other's way at 0.2. Runs on a GPU need no turns, nor
    do those whose threads are at most half of the cores (OMP_NUM_THREADS). No result depends on it.

    Always there.
    """

    def __init__(self, *, batches: TrainBatches, validator: Validator) -> None:
        self.batches, self.validator = batches, validator
        self._in_turns = self._warned = False
        self._last_step: float | None = None  # of an epoch in this process
        self._validated = True  # whether that epoch is
        # Seconds from there to the next epoch, with validation and checkpoints, or without: as the last time.
        self._ending = {True: math.inf, False: math.inf}

    def on_fit_start(self, state: TrainState) -> None:
        threads = torch.get_num_threads()
        self._watch = CoreWatch(threads)
        self._in_turns = state.loss_sum.device.type == "cpu" and threads > max(1, cores() / 2)

    def on_epoch_start(self, state: TrainState) -> None:
        if self._last_step is not None:
            self._ending[self._validated] = time.monotonic() - self._last_step
        self._next(state)

    def on_step_end(self, state: TrainState) -> None:
        if sentence := self._watch.look():
            log.warning("%s", sentence)
        if state.batch < self.batches.count(state.epoch):
            self._next(state)
            return
        self._last_step = time.monotonic()
        self._validated = self.validator.due(state.epoch)
        if self._ending[self._validated] > _LONG:
            turns.give()

    def on_fit_end(self, state: TrainState) -> None:
        turns.give()

    def _next(self, state: TrainState) -> None:
        """Take the next turn, if this one is over."""
        if not turns.over:
            return
        turns.give()
        if not self._in_turns or turns.taken_at_once():
            return
        with state.watch.time("other runs", on_device=False):
            came = turns.take()
        if came and not self._warned:
            self._warned = True
            log.warning(
                "Another run trains on these cores, so they take turns. Mostly faster is to start each with "
                "OMP_NUM_THREADS=%d, which rounds its sums otherwise.",
                torch.get_num_threads() // 2,
            )

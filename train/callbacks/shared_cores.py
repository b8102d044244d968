"""What a run does about others on the same cores."""

import logging

import torch

from dataset.batches import TrainBatches
from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from utils.cores import cores
from utils.run_turns import turns
from utils.shared_cores import CoreWatch

log = logging.getLogger("podium")


@CALLBACKS.register
class SharedCores(Callback):
    """Trains in turns with other runs on the same cores, and says once that they are shared.

    A turn is a fifth of a second, or a step if that takes longer: two runs train at 0.4 to 0.5 of their speed
    alone, each, and in each other's way at 0.2. Runs on a GPU need none, nor do those whose threads are at
    most half of the cores (OMP_NUM_THREADS). No result depends on it.

    Always there.
    """

    def __init__(self, *, batches: TrainBatches) -> None:
        self.batches = batches
        self._in_turns = self._warned = False

    def on_fit_start(self, state: TrainState) -> None:
        threads = torch.get_num_threads()
        self._watch = CoreWatch(threads)
        self._in_turns = state.loss_sum.device.type == "cpu" and threads > max(1, cores() / 2)

    def on_epoch_start(self, state: TrainState) -> None:
        self._take(state)

    def on_step_end(self, state: TrainState) -> None:
        if sentence := self._watch.look():
            log.warning("%s", sentence)
        last = state.batch >= self.batches.count(state.epoch)
        if last or turns.over:
            turns.give()
        if not last and turns.over:
            self._take(state)

    def on_fit_end(self, state: TrainState) -> None:
        turns.give()

    def _take(self, state: TrainState) -> None:
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

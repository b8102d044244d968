"""What a run prints while it trains."""

import logging
import time

from tqdm import tqdm

from dataset.batches import TrainBatches
from dataset.tasks.base import Task
from train.callbacks.base import CALLBACKS, Callback
from train.monitor import Monitor
from train.state import TrainState
from utils.metrics import in_words

log = logging.getLogger("podium")


@CALLBACKS.register
class Progress(Callback):
    """A bar with rate and time left for each epoch, then a line with its scores."""

    def __init__(self, *, task: Task, batches: TrainBatches, epochs: int, monitor: Monitor) -> None:
        self.task, self.batches, self.epochs, self.monitor = task, batches, epochs, monitor
        self._bar = tqdm(disable=True)
        self._started = (0.0, 0)
        self._rates: dict[int, float] = {}  # images a second, by epoch

    def on_epoch_start(self, state: TrainState) -> None:
        self._started = (time.perf_counter(), state.batch)
        self._bar = tqdm(
            total=self.batches.pace.count(state.epoch) * self.batches.batch_size,
            initial=state.batch * self.batches.batch_size,
            desc=f"Epoch {state.epoch + 1}/{self.epochs}",
            unit="img",
            leave=False,
            disable=None,
        )

    def on_step_end(self, state: TrainState) -> None:
        self._bar.update(state.batch * self.batches.batch_size - self._bar.n)
        if state.batch == self.batches.pace.count(state.epoch):
            self._bar.close()
            seconds, first = time.perf_counter() - self._started[0], self._started[1]
            self._rates[state.epoch + 1] = (state.batch - first) * self.batches.batch_size / seconds

    def on_epoch_kept(self, state: TrainState) -> None:
        entry = state.history[-1]
        names = {"train_loss": "train loss", "loss": "valid loss"}
        names |= {name: in_words(name) for name in self.task.main_scores}
        scores = "  ".join(f"{words} {entry[name]:.4f}" for name, words in names.items() if name in entry)
        best = "loss" in entry and self.monitor.best(state.history) == len(state.history) - 1
        rate = self._rates.pop(state.epoch, 0.0)
        log.info(
            "Epoch %d/%d  %s  %.0f img/s  %.0f s%s",
            state.epoch, self.epochs, scores, rate, entry["seconds"], "  best so far" if best else "",
        )  # fmt: skip

    def on_fit_end(self, state: TrainState) -> None:
        self._bar.close()

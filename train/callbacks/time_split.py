"""Says where the time of a run goes, and what to change to make it shorter."""

import logging
import time
from collections import defaultdict
from collections.abc import Mapping

from dataset.batches import TrainBatches
from train.callback import CALLBACKS, Callback
from train.state import TrainState

log = logging.getLogger("podium")
_MUCH = 0.15  # of the time: a part that is worth changing something for
# What to do about a part that takes much; the first of them is said.
_ADVICE = {
    "data": "a store on a faster disk or in memory (store and store_budget in [images])",
    "augmentation": "fewer [augmentation.X], or a GPU, where they cost little",
    "optimiser": "fewer and larger steps (batch_size or accumulate in [train])",
    "validation": "fewer and longer epochs, or [infer] batch_size",
    "other": "fewer pictures and checkpoints (worst in [callback.TensorBoard], [callback.X])",
}
_MODEL = (
    "The model is what takes the time. A smaller [images] size, ProgressiveResizing or a smaller model would "
    "shorten it."
)


@CALLBACKS.register
class TimeSplit(Callback):
    """After the first epoch, and at the end of all, the share of each kind of work and what limits the run.

    Always there. An epoch in which the run was resumed counts from there.
    """

    def __init__(self, *, batches: TrainBatches) -> None:
        self.batches = batches
        self._began = 0.0
        self._first = self._images = 0  # batches done before, and images seen since
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._epochs = 0

    def on_fit_start(self, state: TrainState) -> None:
        state.watch.read()
        self._began = time.perf_counter()
        self._first = self.batches.pace.before(state.epoch) + state.batch

    def on_epoch_kept(self, state: TrainState) -> None:
        now, parts = time.perf_counter(), state.watch.read()
        parts["other"] = max(0.0, now - self._began - sum(parts.values()))
        self._began, self._epochs = now, self._epochs + 1
        self._images = (self.batches.pace.before(state.epoch) - self._first) * self.batches.batch_size
        for part, seconds in parts.items():
            self._spent[part] += seconds
        if self._epochs == 1 and self._images:  # none where it was resumed after an epoch's last step
            log.info("%s\n%s", split_line(self._spent, self._images), advice(self._spent))

    def on_fit_end(self, state: TrainState) -> None:
        if self._epochs > 1:
            log.info("All %d epochs: %s", self._epochs, split_line(self._spent, self._images))


def split_line(seconds: Mapping[str, float], images: float) -> str:
    """Return the rate of training and the shares of all the time, in words."""
    whole = sum(seconds.values())
    validated = seconds.get("validation", 0.0) + seconds.get("other", 0.0)
    shares = ", ".join(f"{part} {share / whole:.1%}" for part, share in seconds.items())
    return f"{images / (whole - validated):.0f} img/s while training. Of all the time: {shares}"


def advice(seconds: Mapping[str, float]) -> str:
    """Return what limits the speed, what would change it, and how much faster a run would be without it."""
    whole = sum(seconds.values())
    for part, what in _ADVICE.items():
        share = seconds.get(part, 0.0) / whole
        if share > _MUCH:
            return f"Without its {part} a run would be {1 / (1 - share):.1f}x as fast. Try {what}."
    return _MODEL

"""Says where the time of a run goes, and what to change to make it shorter."""

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from dataset.augmentation.base import Augmenter
from dataset.batches import TrainBatches
from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState

log = logging.getLogger("podium")
_MUCH = 0.15  # of the time: a part that is worth changing something for
# What takes the time, and what to do about it where it takes much; the first of them is said.
_WORK = {
    "other runs": (
        "waiting for other runs on the same cores",
        "run fewer things at once, or start each with a part of the threads (OMP_NUM_THREADS)",
    ),
    "data": (
        "waiting for images",
        "keep them on a faster disk or in memory (store and store_budget in [images])",
    ),
    "augmentation": ("augmenting images", ""),
    "optimiser": (
        "the steps of the optimiser",
        "make fewer and larger steps (batch_size or accumulate in [train])",
    ),
    "validation": (
        "validating",
        "validate larger batches (batch_size in [infer])",
    ),
    "pictures": ("drawing pictures", "show fewer mistakes (worst in [callback.TensorBoard])"),
    "other": (
        "what callbacks do at the end of each epoch, such as checkpoints and the scores of training images",
        "leave out callbacks that run or keep a model, if there are any ([callback.TrainScores], "
        "[callback.RawScores], [callback.SWA])",
    ),
}
_QUEUED = ("augmentation", "optimiser")  # parts that a GPU does, beside the model
_WAITING = (
    "The GPU waits for Python, which starts its work piece by piece: a larger batch_size in [train] or fewer "
    "augmentations would shorten it."
)
_SMALLER = (
    "a smaller size in [images], the augmentation ProgressiveResizing or a smaller model would shorten it"
)


@CALLBACKS.register
class TimeSplit(Callback):
    """After the first epoch, and at the end of all, the share of each kind of work and what limits the run.

    Always there. An epoch in which the run was resumed counts from there.
    """

    def __init__(self, *, batches: TrainBatches, augmenter: Augmenter) -> None:
        self.batches = batches
        self._augmentations = [type(augmentation).__name__ for augmentation in augmenter.chain]
        self._began = 0.0
        self._first = self._images = 0  # batches done before, and images seen since
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._epochs = 0
        self._done = (0, 0)  # epoch and batch of the last step

    def on_fit_start(self, state: TrainState) -> None:
        state.watch.read()
        self._began = time.perf_counter()
        self._first = self.batches.pace.before(state.epoch) + state.batch
        self._done = state.epoch, state.batch

    def on_step_end(self, state: TrainState) -> None:
        self._done = state.epoch, state.batch

    def on_epoch_kept(self, state: TrainState) -> None:
        self._count(state)
        self._epochs += 1
        epoch, batch = self._done  # which may be in the next epoch
        self._images = (self.batches.pace.before(epoch) + batch - self._first) * self.batches.batch_size
        if self._epochs == 1 and self._images:  # none where it was resumed after an epoch's last step
            line = split_line(self._spent, self._images)
            on_gpu = state.loss_sum.device.type == "cuda"
            waits = state.watch.gpu_waits
            log.info("%s\n%s", line, advice(self._spent, self._augmentations, on_gpu=on_gpu, gpu_waits=waits))

    def on_fit_end(self, state: TrainState) -> None:
        if self._epochs > 1:
            if state.batch == 0:  # not where it stopped inside an epoch
                self._count(state)
            log.info("All %d epochs: %s", self._epochs, split_line(self._spent, self._images))

    def _count(self, state: TrainState) -> None:
        """Add up what was done since the last time."""
        now, parts = time.perf_counter(), state.watch.read()
        parts["other"] = max(0.0, now - self._began - sum(parts.values()))
        self._began = now
        for part, seconds in parts.items():
            self._spent[part] += seconds


def split_line(seconds: Mapping[str, float], images: float) -> str:
    """Return the rate of training and the shares of all the time, in words."""
    whole = sum(seconds.values())
    training = whole - sum(seconds.get(part, 0.0) for part in ("validation", "pictures", "other"))
    shares = ", ".join(f"{part} {share / whole:.1%}" for part, share in seconds.items())
    return f"{images / training:.0f} img/s while training. Of all the time: {shares}"


def advice(
    seconds: Mapping[str, float],
    augmentations: Sequence[str] = (),
    *,
    on_gpu: bool,
    gpu_waits: bool = False,
) -> str:
    """Return what limits the speed, what would change it, and how much faster a run would be without it.

    Args:
        augmentations: the names of the run's own.
        on_gpu: where it trains: who has a GPU needs no advice to get one.
        gpu_waits: whether it waits for Python most of the time: then less work on it would not help.
    """
    whole = sum(seconds.values())
    for part, (work, remedy) in _WORK.items():
        share = seconds.get(part, 0.0) / whole
        if share > _MUCH and not (gpu_waits and part in _QUEUED):
            if part == "augmentation":
                names = f" ({', '.join(augmentations)})" if augmentations else ""
                remedy = f"leave some of them out{names}" + ("" if on_gpu else ", or train on a GPU")
            faster = 1 / (1 - share)
            without = f"without it the run would be {faster:.1f}x as fast"
            return f"{share:.0%} of the time is {work}; {without}: {remedy}."
    if gpu_waits:
        return _WAITING
    gpu = "" if on_gpu else ", as would a GPU"
    return f"The model is what takes the time: {_SMALLER}{gpu}."

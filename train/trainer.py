"""The training loop. What not every run needs is a callback."""

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn

from dataset.augmentation.base import Augmenter
from dataset.batches import Batch, TrainBatches, ahead
from train.augmented import augmented
from train.callbacks.base import Callback
from train.diverged import diverged
from train.loop import Loop
from train.state import TrainState
from train.validator import Validator
from utils.compiled import Compiled
from utils.device import Precision
from utils.seeds import seed_global


class Trainer:
    """Trains ``state.model`` from wherever its state stands."""

    def __init__(
        self,
        state: TrainState,
        *,
        batches: TrainBatches,
        augmenter: Augmenter,
        criterion: nn.Module,
        validator: Validator,
        callbacks: Sequence[Callback],
        precision: Precision,
        loop: Loop,
    ) -> None:
        self.state, self.batches, self.augmenter = state, batches, augmenter
        self.criterion, self.validator = criterion, validator
        self.callbacks, self.precision, self.loop = callbacks, precision, loop
        self.forward = Compiled(state.model, "[train] compile = yes") if loop.compile else state.model

    def fit(self) -> TrainState:
        """Train until all epochs are finished or a callback asks to stop."""
        state, pace = self.state, self.batches.pace
        self._notify("on_fit_start")
        try:
            while state.epoch < self.loop.epochs and pace.count(state.epoch) and not state.should_stop:
                started = time.perf_counter()
                self._train_epoch()
                if pace.validates(state.epoch):
                    self._validate(started)
                    self._notify("on_epoch_end")
                    self._notify("on_epoch_kept")
                else:
                    state.end_epoch()
        finally:
            self._notify("on_fit_end")
        return state

    def _train_epoch(self) -> None:
        state, pace, most = self.state, self.batches.pace, self.loop.accumulate
        state.model.train()
        self._notify("on_epoch_start")
        batches: Iterator[Batch] = self.batches.epoch(state.epoch, state.batch)
        if self.precision.device.type == "cuda":  # on a CPU it would take a core from the model
            batches = ahead(batches)
        batches = state.watch.waiting("data", batches)
        while window := list(islice(batches, min(most, pace.count(state.epoch) - state.batch))):
            state.scheduler.set_rates(pace.time(state.epoch, state.batch), state.history)
            self._step(window)
            self._notify("on_step_end")

    def _step(self, window: Sequence[Batch]) -> None:
        """Make one optimiser step with the mean gradient of a window's batches."""
        state = self.state
        for loss in self._gradients(window):
            state.loss_sum += loss
        state.scaler.unscale_(state.optimizer)
        self._notify("on_gradients", partial(self._gradients, window))
        with state.watch.time("optimiser"):
            if self.loop.clip is not None:
                torch.nn.utils.clip_grad_norm_(state.model.parameters(), self.loop.clip)
            state.scaler.step(state.optimizer)
            state.scaler.update()
            state.optimizer.zero_grad(set_to_none=True)
        state.batch, state.step = state.batch + len(window), state.step + 1

    def _gradients(self, window: Sequence[Batch]) -> list[Tensor]:
        """Add up the gradients of a window's batches; return their losses. It can be done again."""
        state, losses = self.state, []
        for number, batch in enumerate(window, start=state.batch):
            seed_global("step", self.loop.seed, state.epoch, number)  # dropout and the like
            place = (state.epoch, number, self.batches.pace.time(state.epoch, number))
            with state.watch.time("augmentation"):
                images, targets = augmented(batch, self.augmenter, self.precision.device, place)
            with state.watch.time("model"):
                with self.precision.autocast():
                    logits = self.forward(images)
                loss = self.criterion(logits, targets)
                state.scaler.scale(loss / len(window)).backward()
            losses.append(loss.detach())
        return losses

    def _validate(self, started: float) -> None:
        state = self.state
        train_loss = float(state.loss_sum) / state.batch
        with state.watch.time("validation", on_device=False):
            scores, state.predictions = self.validator.run(state.eval_model)
        if not math.isfinite(loss := train_loss + scores.get("loss", 0.0)):
            raise diverged(loss, state, state.step)
        state.end_epoch()
        entry = {"epoch": state.epoch, "train_loss": train_loss, "lr": state.rate}
        state.history.append(entry | scores | {"seconds": time.perf_counter() - started})

    def _notify(self, moment: str, *details: object) -> None:
        for callback in self.callbacks:
            getattr(callback, moment)(self.state, *details)

"""The training loop. What not every run needs is a callback."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from torch import Tensor

from dataset.augmentation.base import Augmenter
from dataset.batches import Batch, Inputs, TrainBatches
from dataset.tasks.base import Targets
from train.augmented import augmented
from train.callbacks.base import Callback
from train.passes import Passes
from train.state import TrainState
from train.validator import Validator
from utils.seeds import seed_global


class Trainer:
    """Trains ``state.model`` from wherever its state stands.

    Args:
        passes: what a batch does to the model.
        clip: the largest L2 norm of the gradient.
    """

    def __init__(
        self,
        state: TrainState,
        *,
        batches: TrainBatches,
        augmenter: Augmenter,
        passes: Passes,
        validator: Validator,
        callbacks: Sequence[Callback],
        epochs: int,
        seed: int,
        clip: float | None = None,
    ) -> None:
        self.state, self.batches, self.augmenter = state, batches, augmenter
        self.passes, self.validator, self.callbacks = passes, validator, callbacks
        self.epochs, self.seed, self.clip = epochs, seed, clip

    def fit(self) -> TrainState:
        """Train until all epochs are finished or a callback asks to stop."""
        state = self.state
        self._notify("on_fit_start")
        with ExitStack() as end:
            for callback in reversed(self.callbacks):  # the first one ends first, and each whatever others do
                end.callback(callback.on_fit_end, state)
            end.callback(state.writing.settle)

            while state.epoch < self.epochs and self.batches.count(state.epoch) and not state.should_stop:
                state.begin_epoch()
                self._train_epoch()
                if self.validator.due(state.epoch):
                    state.writing.settle()
                    self._validate()
                    self._notify("on_epoch_end")
                    state.writing.then(partial(self._notify, "on_epoch_kept", state=state.as_it_is()))
                else:
                    state.end_epoch()
        return state

    def _train_epoch(self) -> None:
        self.state.model.train()
        self._notify("on_epoch_start")

        for window in self._windows():
            self.state.scheduler.set_rates(window[0].time, self.state.history)
            self._step(window)
            self.state.writing.look()
            self._notify("on_step_end")
        self.passes.forget()

    def _windows(self) -> Iterator[Sequence[Batch]]:
        return self.batches.windows(self.state.epoch, self.state.batch)

    def _step(self, window: Sequence[Batch]) -> None:
        """Make one optimiser step with the mean gradient of a window's batches."""
        state = self.state
        for loss in self._gradients(window):
            state.loss_sum += loss
        state.scaler.unscale_(state.optimizer)
        self._notify("on_gradients", partial(self._gradients, window))
        self._update()
        state.batch, state.step = state.batch + len(window), state.step + 1

    def _gradients(self, window: Sequence[Batch]) -> list[Tensor]:
        """Add up the gradients of a window's batches; return their losses. It can be done again."""
        losses = []
        for batch in window:
            seed_global("step", self.seed, batch.epoch, batch.number)  # dropout and the like
            losses.append(self._backward(*self._augmented(batch), batches=len(window)))
        return losses

    def _augmented(self, batch: Batch) -> tuple[Inputs, Targets]:
        return augmented(batch, self.augmenter, self.state.loss_sum.device)

    def _backward(self, inputs: Inputs, targets: Targets, *, batches: int) -> Tensor:
        return self.passes(inputs, targets, batches=batches)

    def _update(self) -> None:
        self.state.update(self.clip)

    def _validate(self) -> None:
        train_loss = float(self.state.loss_sum) / self.state.batch
        self.state.end_validated_epoch(train_loss, self._scores())

    def _scores(self) -> dict[str, float]:
        scores, self.state.predictions = self.validator.run(self.state.eval_model)
        return scores

    def _notify(self, moment: str, *details: object, state: TrainState | None = None) -> None:
        for callback in self.callbacks:
            getattr(callback, moment)(state or self.state, *details)

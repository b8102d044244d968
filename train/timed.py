"""The training loop with a stopwatch at each of its parts."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from dataset.batches import Batch, Inputs
from dataset.tasks.base import Targets
from train.trainer import Trainer


class TimedTrainer(Trainer):
    """Trains the same bits; ``state.watch`` then knows what each part of the work took."""

    def _windows(self) -> Iterator[Sequence[Batch]]:
        return self.state.watch.waiting("data", super()._windows())

    def _augmented(self, batch: Batch) -> tuple[Inputs, Targets]:
        with self.state.watch.time("augmentation"):
            return super()._augmented(batch)

    def _backward(self, inputs: Inputs, targets: Targets, *, batches: int) -> Tensor:
        with self.state.watch.time("model"):
            return super()._backward(inputs, targets, batches=batches)

    def _update(self) -> None:
        with self.state.watch.time("optimiser"):
            super()._update()

    def _scores(self) -> dict[str, float]:
        with self.state.watch.time("validation", on_device=False):
            return super()._scores()

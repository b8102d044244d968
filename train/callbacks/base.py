"""The hooks of the training loop."""

from collections.abc import Callable
from typing import ClassVar

from train.state import TrainState
from utils.registry import Registry


class Callback:
    """Something that happens at certain moments of training; a subclass is one file in callbacks/.

    Runtime arguments that a constructor may name: ``folder`` (the run's), ``task``, ``monitor``,
    ``validator``, ``batches`` (of training), ``augmenter``, ``criterion`` (of training), ``precision``,
    ``files`` (the table's image files), ``config_text``, ``config_values`` (by ``section.key``, of what is
    trained) and ``epochs``.

    Attributes:
        averages: it puts averaged weights into ``state.eval_model``; a run has at most one that does.
        needs_validation: it is about the scores of validation; a final fit, which has none, goes without it.
    """

    averages: ClassVar[bool] = False
    needs_validation: ClassVar[bool] = False

    def on_fit_start(self, state: TrainState) -> None:
        """Before the first step, or the first one after a resume."""

    def on_epoch_start(self, state: TrainState) -> None:
        """Before an epoch's first batch, with the model in training mode (again after a resume)."""

    def on_gradients(self, state: TrainState, again: Callable[[], object]) -> None:
        """Before an optimiser step, and before clipping, with the gradient in place.

        ``again()`` adds the gradient of the same batches, with the same crops, mixing and dropout, at the
        weights as they are then; it leaves ``state.loss_sum`` alone. With float16's scaler it is scaled.
        """

    def on_step_end(self, state: TrainState) -> None:
        """After an optimiser step."""

    def on_epoch_end(self, state: TrainState) -> None:
        """After an epoch's validation; its scores are ``state.history[-1]``, where a final fit has none.

        For what adds to the entry or to the state, and for keeping both; nobody is told of the epoch yet.
        """

    def on_epoch_kept(self, state: TrainState) -> None:
        """After the epoch's checkpoint is on the disk: only now is it printed, logged and drawn.

        So what a run has said is never lost, however it ends. It is not called again for an epoch after which
        a killed run is resumed. ``state`` is a copy from the epoch's end, in which changes change nothing: a
        checkpoint may be written beside the next epoch, and then weights and optimiser are further already.
        """

    @property
    def at_end(self) -> float:
        """The seconds that it needs after the last epoch and not after others, for a time limit."""
        return 0.0

    def extra_images(self, epoch: int, *, validated: bool) -> int:
        """Return how many images it runs through the model at the end of an epoch, for a time limit.

        Validation's own don't count.
        """
        return 0

    def on_fit_end(self, state: TrainState) -> None:
        """After training, however it ended."""


CALLBACKS: Registry[Callback] = Registry(
    "callback",
    "train.callbacks",
    runtime=(
        "folder", "task", "monitor", "validator", "batches", "augmenter", "criterion", "precision",
        "files", "config_text", "config_values", "epochs",
    ),
)  # fmt: skip

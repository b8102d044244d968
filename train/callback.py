"""The hooks of the training loop."""

from train.state import TrainState
from utils.registry import Registry


class Callback:
    """Something that happens at certain moments of training; a subclass is one file in callbacks/.

    Runtime arguments that a constructor may name: ``folder`` (the run's), ``task``, ``monitor``,
    ``validator``, ``batches`` (of training), ``augmenter``, ``files`` (the table's image files),
    ``config_text`` and ``epochs``.
    """

    def on_fit_start(self, state: TrainState) -> None:
        """Before the first step, or the first one after a resume."""

    def on_epoch_start(self, state: TrainState) -> None:
        """Before an epoch's first batch, with the model in training mode (again after a resume)."""

    def on_step_end(self, state: TrainState) -> None:
        """After an optimiser step."""

    def on_epoch_end(self, state: TrainState) -> None:
        """After an epoch's validation; its scores are ``state.history[-1]``."""

    def on_fit_end(self, state: TrainState) -> None:
        """After training, however it ended."""


CALLBACKS: Registry[Callback] = Registry(
    "callback",
    "train.callbacks",
    runtime=(
        "folder", "task", "monitor", "validator", "batches", "augmenter", "files", "config_text",
        "epochs",
    ),
)  # fmt: skip

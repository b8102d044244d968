"""Trains the heads on a frozen backbone, and melts it later."""

import logging

from torch import nn

from models.layers import layers
from train.callbacks.base import CALLBACKS, Callback
from train.monitor import Monitor
from train.state import TrainState
from utils.convert import Count, Fraction
from utils.errors import ConfigError

log = logging.getLogger("podium")


@CALLBACKS.register
class Freeze(Callback):
    """Freezes the backbone's first layers, for the whole run unless a rule melts them.

    Frozen weights keep their bits, batch norm its statistics, and frozen dropout is off. A run that melts
    has ``frozen`` among the numbers of each epoch: the share of its weights that did not train in it, 0
    once melted. EarlyStopping counts anew from there.

    Args:
        share: of the backbone's layers, from the images on; 1 leaves only the heads to train.
        melt_after: epochs.
        melt_patience: epochs in a row without a better monitored score; a team of the mask competition
            melted at half the patience of EarlyStopping. With both rules the first one melts.
    """

    def __init__(
        self,
        *,
        monitor: Monitor,
        share: Fraction = 1.0,
        melt_after: Count | None = None,
        melt_patience: Count | None = None,
    ) -> None:
        self.monitor, self.share = monitor, share
        self.melt_after, self.melt_patience = melt_after, melt_patience
        self._parameters: list[nn.Parameter] = []  # to be frozen

    def on_fit_start(self, state: TrainState) -> None:
        ordered = layers(state.model)
        first = ordered[: round(self.share * (len(ordered) - 1))]
        self._parameters = [p for layer in first for p in layer if p.requires_grad]
        if len(self._parameters) == sum(p.requires_grad for p in state.model.parameters()):
            raise ConfigError("[callback.Freeze] nothing is left to train: the heads have no weights.")

    def on_epoch_start(self, state: TrainState) -> None:
        melted = self._melted(state)
        for parameter in self._parameters:
            parameter.requires_grad_(melted)
        if melted:
            return
        for module in state.model.modules():
            parameters = list(module.parameters())
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                module.eval()

    def on_epoch_end(self, state: TrainState) -> None:
        if self.melt_after or self.melt_patience:
            frozen = sum(p.numel() for p in self._parameters if not p.requires_grad)
            state.history[-1]["frozen"] = frozen / sum(p.numel() for p in state.model.parameters())

    def _melted(self, state: TrainState) -> bool:
        """Tell by the finished epochs whether the rules melt, or have melted before."""
        history = state.history
        if history and not history[-1].get("frozen", True):
            return True
        waited = len(history) - 1 - self.monitor.best(history)
        melted = bool(
            (self.melt_after and state.epoch >= self.melt_after)
            or (self.melt_patience and waited >= self.melt_patience)
        )
        if melted:
            log.info("All layers train from epoch %d on.", state.epoch + 1)
        return melted

"""An exponential moving average of the weights, which is validated and kept instead of the weights."""

import copy

import torch
from torch import Tensor

from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from utils.convert import Fraction


@CALLBACKS.register
class EMA(Callback):
    """average = d * average + (1 - d) * weights after each step, with d rising to ``decay``.

    d = min(decay, (1 + step) / (10 + step)), so that the random first weights are soon forgotten, as
    in TensorFlow's ExponentialMovingAverage. Batch-norm statistics are averaged too.

    Args:
        decay: per optimiser step; 1 / (1 - decay) is about the number of steps averaged over.
    """

    averages = True

    def __init__(self, *, decay: Fraction = 0.999) -> None:
        self.decay = decay
        self._averaged: tuple[list[Tensor], list[Tensor]] = ([], [])  # averages, and what they are of
        self._counted: tuple[list[Tensor], list[Tensor]] = ([], [])  # copies, and what they are of

    def on_fit_start(self, state: TrainState) -> None:
        if state.eval_model is state.model:
            state.eval_model = copy.deepcopy(state.model).requires_grad_(False)
        # Collected once: asking a large model for its tensors takes longer than averaging them.
        averages, values = state.eval_model.state_dict(), state.model.state_dict()
        pairs = [(averages[name], value) for name, value in values.items()]
        self._averaged = _columns([pair for pair in pairs if pair[1].is_floating_point()])
        self._counted = _columns([pair for pair in pairs if not pair[1].is_floating_point()])

    @torch.no_grad()
    def on_step_end(self, state: TrainState) -> None:
        decay = min(self.decay, (1 + state.step) / (10 + state.step))
        torch._foreach_lerp_(*self._averaged, 1 - decay)
        if self._counted[0]:
            torch._foreach_copy_(*self._counted)


def _columns(pairs: list[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    return [average for average, _ in pairs], [value for _, value in pairs]

"""An exponential moving average of the weights, which is validated and kept instead of the weights."""

import copy

import torch

from train.callback import CALLBACKS, Callback
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

    def on_fit_start(self, state: TrainState) -> None:
        if state.eval_model is state.model:
            state.eval_model = copy.deepcopy(state.model).requires_grad_(False)

    @torch.no_grad()
    def on_step_end(self, state: TrainState) -> None:
        decay = min(self.decay, (1 + state.step) / (10 + state.step))
        averages, values = state.eval_model.state_dict(), state.model.state_dict()
        floating = [name for name, value in values.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [averages[name] for name in floating], [values[name] for name in floating], 1 - decay
        )
        for name in values.keys() - set(floating):
            averages[name].copy_(values[name])

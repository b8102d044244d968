"""Stochastic weight averaging: the mean of the weights after each of the last epochs."""

import copy

import torch
from torch import nn

from dataset.augmentation.base import Augmenter
from dataset.batches import TrainBatches
from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.batch_norm import measure_batch_norms
from train.state import TrainState
from utils.convert import Count
from utils.device import Precision


@CALLBACKS.register
class SWA(Callback):
    """In the last epochs the mean of the weights after each of them is validated and kept.

    mean_n = mean_(n-1) + (weights - mean_(n-1)) / n. Batch-norm statistics of the mean are measured anew
    on the epoch's batches as they were trained on, which is one more forward pass; other models need none.
    The rate should not yet be near 0 then, and a run that EarlyStopping ends has no mean.

    Source: Izmailov et al., 2018, https://arxiv.org/abs/1803.05407, algorithm 1.

    Args:
        last: epochs at the end of the run; all of them where it has fewer.
    """

    averages = True

    def __init__(
        self,
        *,
        batches: TrainBatches,
        augmenter: Augmenter,
        precision: Precision,
        epochs: int,
        last: Count = 5,
    ) -> None:
        self.batches, self.augmenter, self.precision = batches, augmenter, precision
        self.first = max(0, epochs - last)  # epochs before the averaging

    @torch.no_grad()
    def on_step_end(self, state: TrainState) -> None:
        done = state.epoch - self.first  # epochs in the mean
        if done < 0 or state.batch < self.batches.pace.count(state.epoch):
            return
        if done == 0:
            state.eval_model = copy.deepcopy(state.model).requires_grad_(False)
        means, weights = (tuple(model.parameters()) for model in (state.eval_model, state.model))
        torch._foreach_lerp_(means, weights, 1 / (done + 1))
        for kept, buffer in zip(state.eval_model.buffers(), state.model.buffers(), strict=True):
            kept.copy_(buffer)
        self._measure(state.eval_model, state)

    def extra_images(self, epoch: int, *, validated: bool) -> int:
        return self.batches.pace.count(epoch) * self.batches.batch_size if epoch >= self.first else 0

    def _measure(self, mean: nn.Module, state: TrainState) -> None:
        """Give batch norms the mean of their batches' statistics; those that are frozen keep theirs."""
        for averaged, trained in zip(mean.modules(), state.model.modules(), strict=True):
            averaged.training = trained.training
        measure_batch_norms(
            mean, self.batches, self.augmenter, self.precision, state.epoch, state.batch, purpose="swa"
        )

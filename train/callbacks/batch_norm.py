"""Statistics of batch norms for weights that no training step has left: averages of weights."""

from itertools import islice

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dataset.augmentation.base import Augmenter
from dataset.batches import TrainBatches
from models.checks import explain_small_batches
from train.augmented import augmented
from utils.device import Precision
from utils.seeds import seed_global


@torch.no_grad()
def measure_batch_norms(
    model: nn.Module,
    batches: TrainBatches,
    augmenter: Augmenter,
    precision: Precision,
    epoch: int,
    count: int,
    *,
    purpose: str,
) -> None:
    """Give batch norms in training mode the mean of their statistics in an epoch's batches, as trained on.

    A model without any needs no pass. Other modules stay in their mode, so dropout acts as in training.

    Args:
        count: of batches, from the epoch's beginning.
        purpose: with the augmenter's seed, epoch and batch, of the randomness inside the model.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.training]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a mean over all batches since the reset
    for batch in islice(batches.epoch(epoch), count):
        seed_global(purpose, augmenter.seed, epoch, batch.number)
        inputs, _ = augmented(batch, augmenter, precision.device)
        with precision.autocast(), explain_small_batches():
            model(*inputs)

"""A batch as it is trained on."""

import torch
from torch import Tensor

from dataset.augmentation.base import Augmenter
from dataset.batches import Batch
from dataset.tasks.base import Targets


def augmented(batch: Batch, augmenter: Augmenter, device: torch.device) -> tuple[Tensor, Targets]:
    """Return float images (N, 3, H, W) in [0, 1] on ``device`` and their targets (N, K) by space."""
    images = batch.images.to(device, non_blocking=True)
    targets = {name: values.to(device, non_blocking=True) for name, values in batch.targets.items()}
    return augmenter(images, targets, epoch=batch.epoch, batch=batch.number, time=batch.time)

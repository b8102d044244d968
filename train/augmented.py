"""A batch as it is trained on."""

import torch
from torch import Tensor

from dataset.augmentation.base import Augmenter
from dataset.batches import Batch
from dataset.tasks.base import Targets


def augmented(
    batch: Batch, augmenter: Augmenter, device: torch.device, place: tuple[int, int, float]
) -> tuple[Tensor, Targets]:
    """Return float images (N, 3, H, W) in [0, 1] on ``device`` and their targets (N, K) by space.

    Args:
        place: the epoch, the number of the batch in it, and the time in epochs: all that the randomness
            depends on, beside the seed.
    """
    images = batch.images.to(device, non_blocking=True)
    targets = {name: values.to(device, non_blocking=True) for name, values in batch.targets.items()}
    epoch, number, time = place
    return augmenter(images, targets, epoch=epoch, batch=number, time=time)

"""A batch as it is trained on."""

import torch

from dataset.augmentation.base import Augmenter
from dataset.reading import Batch, Inputs
from dataset.tasks.base import Targets

_FEATURES = ""  # no label space is called so


def augmented(batch: Batch, augmenter: Augmenter, device: torch.device) -> tuple[Inputs, Targets]:
    """Return what the model is called with, and the targets (N, K) by space, on ``device``.

    The first are float images (N, 3, H, W) in [0, 1]. What a table says of an image is mixed with that of
    another one in the same proportion as its targets.
    """
    images, *features = batch.inputs(device)
    targets = {name: values.to(device, non_blocking=True) for name, values in batch.targets.items()}
    told = targets | dict.fromkeys([_FEATURES], features[0]) if features else targets

    mixed, told = augmenter(images, told, epoch=batch.epoch, batch=batch.number, time=batch.time)
    inputs = (mixed, told[_FEATURES]) if features else (mixed,)
    return inputs, {name: values for name, values in told.items() if name != _FEATURES}

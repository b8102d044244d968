"""What every model does first: images of bytes to numbers as its weights were trained with."""

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """Bytes in [0, 255] or floats in [0, 1] to zero mean and unit deviation; saved with the weights."""

    mean: Tensor  # (1, 3, 1, 1)
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return float (N, 3, H, W) in channels-last memory."""
        if not images.is_floating_point():
            images = images.float().div_(255)
        normal = (images - self.mean).div_(self.std)  # in place: a pass over memory less
        return normal.contiguous(memory_format=torch.channels_last)

"""Images out of focus."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Fraction, Interval


@AUGMENTATIONS.register
class GaussianBlur(Augmentation):
    """Blurs some images, each by its own width; beyond the border the image is mirrored.

    The window reaches 3 standard deviations to each side, of the largest ``sigma``.

    Args:
        probability: of an image being blurred.
        sigma: the least and the greatest standard deviation, in pixels of the image as it is here.
    """

    def __init__(
        self,
        *,
        probability: Fraction = 0.5,
        sigma: Annotated[tuple[float, float], Interval(0.01, 100)] = (0.1, 2.0),
    ) -> None:
        if sigma[0] > sigma[1]:
            raise ValueError(f"sigma = {sigma[0]:g}, {sigma[1]:g} must be the least and then the greatest")
        self.probability, self.sigma = probability, sigma

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        count, channels, height, width = images.shape
        chosen = chance.uniform(0, 1, count, 1, 1, 1) < self.probability
        sigma = chance.uniform(*self.sigma, count, 1)
        radius = min(math.ceil(3 * self.sigma[1]), height - 1, width - 1)  # mirroring reaches no farther
        offsets = torch.arange(-radius, radius + 1, device=images.device)
        weights = (-((offsets / sigma) ** 2) / 2).softmax(dim=1).repeat_interleave(channels, dim=0)
        # Each channel of each image is a group with weights of its own: one pass for the whole batch.
        padded = F.pad(images, [radius] * 4, mode="reflect").flatten(0, 1)
        across = F.conv2d(padded, weights[:, None, None, :], groups=len(weights))
        blurred = F.conv2d(across, weights[:, None, :, None], groups=len(weights))
        return torch.where(chosen, blurred.view(images.shape).clamp(0, 1), images)

"""A part of each image, of any size and shape, as a whole one."""

import math
from typing import Annotated

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.augmentation.warp import warp
from dataset.tasks.moves import Move
from utils.convert import Fraction, Interval


@AUGMENTATIONS.register
class RandomResizedCrop(Augmentation):
    """Cuts a random part out of each image and enlarges it to the model's size.

    Source: Szegedy et al., 2015, https://arxiv.org/abs/1409.4842, section 6; as there the area is uniform,
    and the logarithm of the ratio of its sides. A part that would be wider or higher than the image is
    as wide or as high as it.

    Args:
        smallest: the least area of the part, as a fraction of the image's.
        largest: the greatest.
        ratio: how many times as wide as high, or as high as wide, it is at most, in pixels.
    """

    moves: frozenset[Move] = frozenset({"shift", "scale"})

    def __init__(
        self,
        *,
        size: tuple[int, int],
        smallest: Fraction = 0.08,
        largest: Fraction = 1.0,
        ratio: Annotated[float, Interval(1, 10)] = 4 / 3,
    ) -> None:
        if smallest > largest:
            raise ValueError(f"smallest = {smallest} is above largest = {largest}")
        self.size, self.smallest, self.largest, self.ratio = size, smallest, largest, ratio

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        count, height, width = len(images), images.shape[2], images.shape[3]
        area = chance.uniform(self.smallest, self.largest, count)
        limit = math.log(self.ratio)
        stretch = chance.uniform(-limit, limit, count).exp()  # width / height in pixels

        # As fractions of the image's sides, whose own ratio is taken out of the part's.
        wide = (area * stretch * (height / width)).sqrt().clamp(max=1)
        high = (area / stretch * (width / height)).sqrt().clamp(max=1)
        middle = chance.uniform(-1, 1, count, 2) * (1 - torch.stack([wide, high], dim=1))

        nothing = torch.zeros_like(wide)
        across = torch.stack([wide, nothing, middle[:, 0]], dim=1)
        down = torch.stack([nothing, high, middle[:, 1]], dim=1)
        return warp(images, torch.stack([across, down], dim=1), self.size)

"""A rectangle of one colour over part of an image."""

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Fraction


@AUGMENTATIONS.register
class RandomErasing(Augmentation):
    """Covers a random rectangle of some images with a random colour (Zhong et al., 2017).

    Source: https://arxiv.org/abs/1708.04896; height and width are drawn each on its own.

    Args:
        probability: of an image being covered.
        smallest: the least height and width, as a fraction of the image's.
        largest: the greatest, as a fraction of the image's.
    """

    def __init__(
        self, *, probability: Fraction = 0.25, smallest: Fraction = 0.15, largest: Fraction = 0.4
    ) -> None:
        if smallest > largest:
            raise ValueError(f"smallest = {smallest} is above largest = {largest}")
        self.probability, self.smallest, self.largest = probability, smallest, largest

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        count, height, width = len(images), images.shape[2], images.shape[3]
        covered = chance.uniform(0, 1, count, 1, 1, 1) < self.probability
        rows = self._span(chance, count, height).view(count, 1, height, 1)
        columns = self._span(chance, count, width).view(count, 1, 1, width)
        colour = chance.uniform(0, 1, count, 3, 1, 1)
        return torch.where(covered & rows & columns, colour, images)

    def _span(self, chance: Chance, count: int, length: int) -> Tensor:
        """Return bool (count, length): a random stretch of each row is True."""
        size = chance.uniform(self.smallest, self.largest, count, 1) * length
        start = chance.uniform(0, 1, count, 1) * (length - size)
        middles = torch.arange(length, device=size.device) + 0.5
        return (middles >= start) & (middles < start + size)

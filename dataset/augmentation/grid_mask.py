"""A grid of squares without contents over some images."""

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Fraction


@AUGMENTATIONS.register
class GridMask(Augmentation):
    """Deletes the squares of a grid whose step and position are random: each becomes the image's mean colour.

    Source: Chen et al., 2020, https://arxiv.org/abs/2001.04086, section 3.2, equations 1 to 3; where images
    are normalised, as there, the mean over all images is 0.

    Args:
        probability: of an image being masked, once it has risen.
        rise: the part of all epochs in which the probability rises from 0, in a straight line.
        smallest: the least step of the grid, as a fraction of the shorter side (d_min of the paper).
        largest: the greatest (d_max).
        keep: the part of a step that is kept (r); each deleted square's side is 1 - keep of it.
    """

    def __init__(
        self,
        *,
        epochs: int,
        probability: Fraction = 0.8,
        rise: Fraction = 0.8,
        smallest: Fraction = 0.4,
        largest: Fraction = 1.0,
        keep: Fraction = 0.6,
    ) -> None:
        if smallest > largest:
            raise ValueError(f"smallest = {smallest} is above largest = {largest}")
        if not smallest:
            raise ValueError("smallest = 0 is no step of a grid")
        self.probability, self.rise = probability, rise * epochs
        self.smallest, self.largest, self.keep = smallest, largest, keep

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        count, height, width = len(images), images.shape[2], images.shape[3]
        risen = min(1.0, chance.epoch / self.rise) if self.rise else 1.0
        masked = chance.uniform(0, 1, count, 1, 1, 1) < self.probability * risen
        step = chance.uniform(self.smallest, self.largest, count, 1) * min(height, width)

        rows = self._deleted(chance, step, height).view(count, 1, height, 1)
        columns = self._deleted(chance, step, width).view(count, 1, 1, width)
        mean = images.mean(dim=(2, 3), keepdim=True)
        return torch.where(masked & rows & columns, mean, images)

    def _deleted(self, chance: Chance, step: Tensor, length: int) -> Tensor:
        """Return bool (N, length): which pixels of a side lie in the deleted part of a step."""
        start = chance.uniform(0, 1, len(step), 1) * step
        pixels = torch.arange(length, device=step.device) + 0.5
        return (pixels + start) % step < (1 - self.keep) * step

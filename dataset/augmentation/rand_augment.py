"""A few random operations on each image, all of one strength."""

from typing import Annotated

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.augmentation.operations import MOVES, one_of_all
from utils.convert import Fraction, Interval


@AUGMENTATIONS.register
class RandAugment(Augmentation):
    """Changes each image by some of 14 operations, one after the other.

    Source: Cubuk et al., 2019, https://arxiv.org/abs/1909.13719, section 3.

    Args:
        operations: how many an image gets (N in the paper).
        magnitude: their strength, 1 = the greatest (M / 30 in the paper, whose usual M is 9); the sides they
            go to are random.
    """

    moves = MOVES

    def __init__(self, *, operations: Annotated[int, Interval(1, 20)] = 2, magnitude: Fraction = 0.3) -> None:
        self.operations, self.magnitude = operations, magnitude

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        for _ in range(self.operations):
            side = torch.where(chance.uniform(0, 1, len(images)) < 0.5, -1.0, 1.0)
            images = one_of_all(images, side * self.magnitude, chance)
        return images

"""Turns by a quarter, a half or three quarters."""

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.tasks.moves import TURNED
from utils.convert import Fraction


@AUGMENTATIONS.register
class QuarterTurns(Augmentation):
    """Turns some images by 90, 180 or 270 degrees, each as often; no pixel's value changes.

    Images that are not square are turned by 180 degrees only, so that they keep their height and width.

    Args:
        probability: of an image being turned; 0.75 makes all four ways up as frequent.
    """

    def __init__(self, *, probability: Fraction = 0.75) -> None:
        self.probability = probability
        self.moves = TURNED if probability else frozenset()

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        turns = (1, 2, 3) if images.shape[2] == images.shape[3] else (2,)
        turned = chance.uniform(0, 1, len(images), 1, 1, 1) < self.probability
        which = (chance.uniform(0, 1, len(images), 1, 1, 1) * len(turns)).floor()

        result = images
        for number, quarters in enumerate(turns):
            result = torch.where(turned & (which == number), images.rot90(quarters, (2, 3)), result)
        return result

"""Top and bottom exchanged."""

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.tasks.moves import UPENDED
from utils.convert import Fraction


@AUGMENTATIONS.register
class VerticalFlip(Augmentation):
    """Puts some images upside down, as in a mirror: for photos from above, tissue, satellites.

    Args:
        probability: of an image being flipped.
    """

    def __init__(self, *, probability: Fraction = 0.5) -> None:
        self.probability = probability
        self.moves = UPENDED if probability else frozenset()

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        flipped = chance.uniform(0, 1, len(images), 1, 1, 1) < self.probability
        return torch.where(flipped, images.flip(2), images)

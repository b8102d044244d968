"""Images without colour."""

import torch
from torch import Tensor

from dataset.augmentation import colour
from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Fraction


@AUGMENTATIONS.register
class Grey(Augmentation):
    """Turns some images grey, with the luma of each pixel in all three channels.

    A team of the mask competition saw a few grey images among coloured ones hurt, and always grey help.
    Mind that an augmentation never touches what is scored: with ``probability = 1`` a model that has never
    seen a colour is validated on coloured images.

    Args:
        probability: of an image turning grey; 1 = always.
    """

    def __init__(self, *, probability: Fraction = 0.1) -> None:
        self.probability = probability

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        chosen = chance.uniform(0, 1, len(images), 1, 1, 1) < self.probability
        return torch.where(chosen, colour.grey(images).clamp(0, 1), images)

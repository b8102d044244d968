"""One random operation on each image."""

from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.augmentation.operations import MOVES, one_of_all


@AUGMENTATIONS.register
class TrivialAugment(Augmentation):
    """Changes each image by one of 14 operations with any strength: nothing to tune.

    Source: Müller and Hutter, 2021, https://arxiv.org/abs/2103.10158, algorithm 1, with the ranges of
    RandAugment: the paper's "wide" ones turn photos by up to 135 degrees, which no upright face is.
    """

    moves = MOVES

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        return one_of_all(images, chance.uniform(-1, 1, len(images)), chance)

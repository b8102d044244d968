"""Grain as of a camera in bad light."""

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Fraction


@AUGMENTATIONS.register
class GaussianNoise(Augmentation):
    """Adds normal noise to every pixel and channel of some images; it helped a team of the mask competition.

    Args:
        probability: of an image getting noise.
        noise: the largest standard deviation, drawn from 0 on for each image; pixels are in [0, 1], so 0.05
            is 13 grey levels. (A standard deviation of 1, a published baseline's, drowns the picture.)
    """

    def __init__(self, *, probability: Fraction = 0.5, noise: Fraction = 0.05) -> None:
        self.probability, self.noise = probability, noise

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        chosen = chance.uniform(0, 1, len(images), 1, 1, 1) < self.probability
        deviation = chance.uniform(0, self.noise, len(images), 1, 1, 1)
        return torch.where(chosen, (images + chance.normal(*images.shape) * deviation).clamp(0, 1), images)

"""Colour jitter and mild Gaussian noise."""

from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.augmentation.colour import brightness, contrast, saturation
from utils.convert import Fraction


@AUGMENTATIONS.register
class CustomAugmentation(Augmentation):
    """Brightness, contrast and saturation by a factor of 1 +- ``jitter``, then noise on every pixel.

    Args:
        jitter: half the width of the range that each factor is drawn from.
        noise: the largest standard deviation; pixels are in [0, 1], so 0.03 is 8 grey levels. (A
            standard deviation of 1, which a published baseline used, drowns the picture.)
    """

    def __init__(self, *, jitter: Fraction = 0.1, noise: Fraction = 0.03) -> None:
        self.jitter, self.noise = jitter, noise

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        for change in (brightness, contrast, saturation):
            images = change(images, chance.uniform(1 - self.jitter, 1 + self.jitter, len(images)))
        deviation = chance.uniform(0, self.noise, len(images), 1, 1, 1)
        return (images + chance.normal(*images.shape) * deviation).clamp(0, 1)

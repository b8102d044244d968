"""Brightness, contrast and saturation, each by its own strength."""

from torch import Tensor

from dataset.augmentation import colour
from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Fraction


@AUGMENTATIONS.register
class ColourJitter(Augmentation):
    """Changes brightness, contrast and saturation, in this order, by random factors around 1.

    The default is what a team of the mask competition found to help: contrast by 0.3, and nothing else.

    Args:
        brightness, contrast, saturation: half the width of the range that its factor is drawn from; 0 = not
            at all.
    """

    def __init__(
        self, *, brightness: Fraction = 0.0, contrast: Fraction = 0.3, saturation: Fraction = 0.0
    ) -> None:
        self.changes = (
            (colour.brightness, brightness),
            (colour.contrast, contrast),
            (colour.saturation, saturation),
        )

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        for change, strength in self.changes:
            if strength:
                images = change(images, chance.uniform(1 - strength, 1 + strength, len(images)))
        return images

"""Other colours."""

from typing import Annotated

from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.augmentation.colour import hue
from utils.convert import Interval


@AUGMENTATIONS.register
class HueJitter(Augmentation):
    """Turns each image's colours around the colour circle by a random angle.

    A team of the mask competition compared it with nothing and saw it hurt, perhaps since the colour of
    hair and skin says something about age.

    Args:
        jitter: the largest turn to either side, as a fraction of the circle; 0.5 = any colour.
    """

    def __init__(self, *, jitter: Annotated[float, Interval(0, 0.5)] = 0.05) -> None:
        self.jitter = jitter

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        return hue(images, chance.uniform(-self.jitter, self.jitter, len(images)))

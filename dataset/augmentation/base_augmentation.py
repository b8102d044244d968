"""No augmentation."""

from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance


@AUGMENTATIONS.register
class BaseAugmentation(Augmentation):
    """Images as they were prepared."""

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        return images

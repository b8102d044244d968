"""Smaller images in the first part of training."""

import torch.nn.functional as F
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from utils.convert import Fraction


@AUGMENTATIONS.register
class ProgressiveResizing(Augmentation):
    """Shrinks every batch until a part of the epochs is over: coarse features need no fine images.

    A step costs as much as its pixels, so ``scale = 0.66`` takes 44 % of the time. It belongs at the
    end of the chain. Validation always sees full images, to which a model that has only seen small ones
    is not used: its scores are low until the first part is over. Models with a fixed image size (ViT,
    Swin) can't use it.

    Source: Howard et al., DAWNBench 2018; Tan and Le, 2021, https://arxiv.org/abs/2104.00298, section 4.

    Args:
        scale: height and width in the first part, as a fraction of the full ones.
        until: the part of all epochs that it lasts.
    """

    def __init__(
        self, *, size: tuple[int, int], epochs: int, scale: Fraction = 0.66, until: Fraction = 0.5
    ) -> None:
        self.small = tuple(max(2, round(side * scale / 2) * 2) for side in size)  # even: nets halve
        self.until = until * epochs

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        if chance.epoch >= self.until:
            return images
        return F.interpolate(images, size=self.small, mode="bilinear", antialias=True)

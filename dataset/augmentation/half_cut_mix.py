"""The left half of one image beside a half of another."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Chance
from dataset.augmentation.mixing import Mixing


@AUGMENTATIONS.register
@dataclass(frozen=True, kw_only=True)
class HalfCutMix(Mixing):
    """Joins the left half of each image to a half of another one; targets are half of each.

    Made for centred faces: forehead, eyes, mask and chin of both stay in sight, where a rectangle of
    CutMix covers or uncovers a mask. Teams of the mask competition that came first used it; one found two
    left halves better than a left and a right one.

    Args:
        half: what the other image gives: its ``left`` half, mirrored, or its ``right`` half as it is.
    """

    half: Literal["left", "right"] = "left"

    def given(self, images: Tensor) -> Tensor:
        return images.flip(3) if self.half == "left" else images

    def kept(self, images: Tensor, chance: Chance) -> Tensor:
        width = images.shape[3]
        column = torch.arange(width, device=images.device)
        return (width / 2 - column).clamp(0, 1).view(1, 1, 1, width)  # an odd width's middle: half of each

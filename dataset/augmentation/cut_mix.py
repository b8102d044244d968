"""A rectangle of another image pasted over part of an image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Chance
from dataset.augmentation.mixing import Mixing
from utils.convert import Factor


@AUGMENTATIONS.register
@dataclass(frozen=True, kw_only=True)
class CutMix(Mixing):
    """Pastes a rectangle of another image of the batch into each image, at the same place.

    Source: Yun et al., 2019, https://arxiv.org/abs/1905.04899, equations 1 and 2: the rectangle has the
    image's proportions, 1 - share of its area, and a centre anywhere. Where the border cuts it off, the
    share of the targets is that of the pixels that are left.

    Args:
        alpha: shares come from Beta(alpha, alpha); 1 = any share is as likely. (The authors' program calls
            it beta. A team of the mask competition took 0.4, with probability 0.4.)
    """

    alpha: Factor = 1.0

    def kept(self, images: Tensor, chance: Chance) -> Tensor:
        count, height, width = len(images), images.shape[2], images.shape[3]
        side = (1 - chance.beta(self.alpha, count, 1)).sqrt()  # as a fraction of the image's
        rows = _stretch(chance, side, height).view(count, 1, height, 1)
        columns = _stretch(chance, side, width).view(count, 1, 1, width)
        return 1 - (rows & columns).float()


def _stretch(chance: Chance, side: Tensor, length: int) -> Tensor:
    """Return bool (N, length): ``side`` (N, 1) of the length around a random place is True."""
    middle = chance.uniform(0, 1, len(side), 1) * length
    middles = torch.arange(length, device=side.device) + 0.5
    return (middles - middle).abs() < side * length / 2

"""Two images laid over each other."""

from dataclasses import dataclass

from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Chance
from dataset.augmentation.mixing import Mixing
from utils.convert import Factor


@AUGMENTATIONS.register
@dataclass(frozen=True, kw_only=True)
class MixUp(Mixing):
    """Averages each image with another of its batch; each pair has its own weights.

    Source: Zhang et al., 2017, https://arxiv.org/abs/1710.09412, equation 1: share * image + (1 - share) *
    other, and the same of the targets. The authors took alpha from 0.1 to 0.4 for ImageNet.

    Args:
        alpha: shares come from Beta(alpha, alpha): near 0 or 1 with a small one, near 0.5 with a large one.
    """

    alpha: Factor = 0.2

    def kept(self, images: Tensor, chance: Chance) -> Tensor:
        return chance.beta(self.alpha, len(images), 1, 1, 1)

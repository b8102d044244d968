"""The mean of an image and of several chains of operations on it."""

from typing import Annotated

import torch
from torch import Tensor

from dataset.augmentation import operations
from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.augmentation.operations import MOVES, one_of_all
from utils.convert import Fraction, Interval

# Those of the paper, which leaves out what its test of robustness consists of.
_OPERATIONS = (
    operations.autocontrast, operations.equalise, operations.posterise, operations.solarise,
    operations.rotate, operations.shear_x, operations.shear_y, operations.translate_x, operations.translate_y,
)  # fmt: skip


@AUGMENTATIONS.register
class AugMix(Augmentation):
    """Mixes each image with the mean of ``chains`` copies, each changed by one to ``depth`` operations.

    Source: Hendrycks et al., 2020, https://arxiv.org/abs/1912.02781, algorithm 1 with alpha = 1: the chains'
    weights are from Dirichlet(1, ..., 1), the image's share from Beta(1, 1). The paper's consistency loss,
    which asks the model about three such mixtures of an image at once, is not part of it.

    Args:
        chains: how many (k in the paper).
        depth: the most operations of a chain; how many is random.
        magnitude: their greatest strength, 1 = that of RandAugment's range (severity / 10 in the paper).
    """

    moves = MOVES

    def __init__(
        self,
        *,
        chains: Annotated[int, Interval(1, 10)] = 3,
        depth: Annotated[int, Interval(1, 10)] = 3,
        magnitude: Fraction = 0.3,
    ) -> None:
        self.chains, self.depth, self.magnitude = chains, depth, magnitude

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        count = len(images)
        # Numbers from an exponential distribution, divided by their sum, are Dirichlet(1, ..., 1).
        weights = -(1 - chance.uniform(0, 1, self.chains, count, 1, 1, 1)).log()
        weights = weights / weights.sum(dim=0).clamp(min=torch.finfo(weights.dtype).tiny)
        mixed = torch.zeros_like(images)

        for weight in weights:
            mixed = mixed + weight * self._chain(images, chance)
        share = chance.uniform(0, 1, count, 1, 1, 1)
        return share * images + (1 - share) * mixed

    def _chain(self, images: Tensor, chance: Chance) -> Tensor:
        """Return images after one to ``depth`` operations, one after the other."""
        depth = 1 + (chance.uniform(0, 1, len(images), 1, 1, 1) * self.depth).floor()

        for number in range(self.depth):
            strength = chance.uniform(-self.magnitude, self.magnitude, len(images))
            changed = one_of_all(images, strength, chance, _OPERATIONS)
            images = torch.where(depth > number, changed, images)
        return images

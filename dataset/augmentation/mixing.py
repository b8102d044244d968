"""What mixing augmentations share: in which batches, who with whom, and what becomes of the targets."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dataset.augmentation.base import Augmentation, Chance
from dataset.batches import centre_crop
from dataset.tasks.base import Targets
from utils.convert import Fraction, NonNegative


@dataclass(frozen=True, kw_only=True)
class Mixing(Augmentation):
    """Mixes each image of some batches with another of its batch, and the targets in the same proportion.

    A subclass says in ``kept`` how much of each pixel stays the image's own; the share of its own targets
    is the mean of that, so what a model sees and what it is asked for can't disagree. In a space where one
    of the two is not labelled (a row of zeros), its part of the mixed row's sum is missing; a mixed number
    of which one part is not known (NaN) is not known either.

    Mixing belongs at the end of the chain: what moves images after it may push a part out of sight.

    Args:
        size: the height and width that the model sees; only these are mixed.
        probability: of a batch being mixed, in [0, 1].
        from_epoch: how many epochs come before the first mixed batch; fractions are fine.
        to_epoch: how many epochs are over when mixing ends; none = it goes on to the end.
        ramp: epochs in which the probability rises in a straight line from 0, beginning at ``from_epoch``.
    """

    size: tuple[int, int]
    probability: Fraction = 0.5
    from_epoch: NonNegative = 0.0
    to_epoch: NonNegative | None = None
    ramp: NonNegative = 0.0

    def __post_init__(self) -> None:
        if self.to_epoch is not None and self.to_epoch <= self.from_epoch:
            raise ValueError(f"to_epoch = {self.to_epoch:g} must be above from_epoch = {self.from_epoch:g}")

    def probability_at(self, epoch: float) -> float:
        """Return the probability of a batch being mixed after ``epoch`` epochs."""
        if epoch < self.from_epoch or (self.to_epoch is not None and epoch >= self.to_epoch):
            return 0.0
        risen = (epoch - self.from_epoch) / self.ramp if self.ramp else 1.0
        return self.probability * min(1.0, risen)

    def kept(self, images: Tensor, chance: Chance) -> Tensor:
        """Return how much of each pixel stays the image's own, in [0, 1].

        Args:
            images: (N, 3, H, W).

        Returns:
            a tensor that can be broadcast to (N, 1, H, W).
        """
        raise NotImplementedError

    def given(self, images: Tensor) -> Tensor:
        """Return what each image gives to another one, (N, 3, H, W): itself, as a rule."""
        return images

    def may_mix(self, images: Tensor, targets: Targets) -> Tensor:
        """Return bool (N, N): who may be mixed with whom, in groups; each image with itself in any case."""
        return torch.ones(len(images), len(images), dtype=torch.bool, device=images.device)

    def __call__(self, images: Tensor, targets: Targets, chance: Chance) -> tuple[Tensor, Targets]:
        """Return mixed images, (N, 3, H, W) in [0, 1], and mixed targets."""
        probability = self.probability_at(chance.epoch)
        if not probability:
            return images, targets
        images = centre_crop(images, self.size)
        partner = _next_in_circle(self.may_mix(images, targets), chance)
        # Decided on the images' device: a GPU that is asked for the answer stands still meanwhile.
        happens = chance.uniform(0, 1, 1) < probability
        kept = torch.where(happens, self.kept(images, chance), 1.0)
        share = kept.mean(dim=(1, 2, 3)).unsqueeze(1)
        mixed = {name: _mixed(values[partner], values, share) for name, values in targets.items()}
        return self.given(images)[partner].lerp(images, kept), mixed


def _mixed(given: Tensor, targets: Tensor, share: Tensor) -> Tensor:
    """Return targets of which ``share`` is the image's own; all of it even where NaN is given."""
    return torch.where(share < 1, given.lerp(targets, share), targets)


def _next_in_circle(may_mix: Tensor, chance: Chance) -> Tensor:
    """Return each image's partner (N): the next one in a random circle of those it may be mixed with.

    So each image of a group gives once and takes once, and is its own partner only if it is alone.
    """
    count = len(may_mix)
    position = chance.permutation(count)
    ahead = (
        position[None, :] - position[:, None] - 1
    ) % count  # 0 = the next one, count - 1 = the image itself
    return ahead.masked_fill(~may_mix, count).argmin(dim=1)

"""What every augmentation does, and the chain of those that a config names."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dataset.batches import centre_crop
from dataset.tasks.base import Targets
from dataset.tasks.moves import Move
from utils.registry import Registry
from utils.seeds import torch_generator


@dataclass(frozen=True, slots=True)
class Chance:
    """The randomness of one batch: a fresh ``generator`` and how far training is, in epochs."""

    generator: torch.Generator
    epoch: float = 0.0

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Return float32 numbers in [low, high) on the generator's device."""
        device = self.generator.device
        return torch.rand(shape, generator=self.generator, device=device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal float32 numbers on the generator's device."""
        return torch.randn(shape, generator=self.generator, device=self.generator.device)

    def beta(self, alpha: float, *shape: int) -> Tensor:
        """Return float32 numbers in [0, 1] from Beta(alpha, alpha) on the generator's device."""
        # torch.distributions.Beta draws from the global generator only; this is what it calls. In float64,
        # since with a small alpha both parts may be too small for float32.
        parts = torch.full((*shape, 2), alpha, dtype=torch.float64, device=self.generator.device)
        return torch._sample_dirichlet(parts, generator=self.generator)[..., 0].float()

    def permutation(self, count: int) -> Tensor:
        """Return the numbers from 0 to ``count`` - 1 in random order on the generator's device."""
        return torch.randperm(count, generator=self.generator, device=self.generator.device)


class Augmentation:
    """Changes a batch at random, each image on its own; a subclass is one file in this folder.

    Runtime arguments that a constructor may name: ``size``, the height and width that come out,
    ``epochs``, how many the run has, ``heads``, the number of labels K of each space of labels, and
    ``numbers``, the other spaces.

    Attributes:
        moves: the ways in which it moves whole images.
    """

    moves: frozenset[Move] = frozenset()

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        """Return changed images: float (N, 3, H, W) in [0, 1] in, the same out."""
        raise NotImplementedError

    def __call__(self, images: Tensor, targets: Targets, chance: Chance) -> tuple[Tensor, Targets]:
        """Return images and targets; one that mixes images overrides this and mixes targets too."""
        return self.images(images, chance), targets


AUGMENTATIONS: Registry[Augmentation] = Registry(
    "augmentation", "dataset.augmentation", runtime=("size", "epochs", "heads", "numbers")
)


class Augmenter:
    """From the store's uint8 batch to what the model trains on, on the batch's own device.

    The numbers drawn depend on (seed, epoch, batch) only. What is still larger than ``size`` at the end
    of the chain loses its border, as in evaluation.
    """

    def __init__(self, chain: Sequence[Augmentation], *, size: tuple[int, int], seed: int) -> None:
        self.chain, self.size, self.seed = tuple(chain), size, seed

    def __call__(
        self, images: Tensor, targets: Targets, *, epoch: int, batch: int, time: float
    ) -> tuple[Tensor, Targets]:
        """Return float images (N, 3, H, W) in [0, 1] and their targets.

        Args:
            images: uint8 (N, 3, H', W'), at least ``size``.
            batch: the number of this batch in its epoch.
            time: how far training is, in epochs.
        """
        generator = torch_generator("augment", self.seed, epoch, batch, device=images.device)
        chance = Chance(generator, time)
        mixed = images.float().div_(255)
        for augmentation in self.chain:
            mixed, targets = augmentation(mixed, targets, chance)
        cropped = centre_crop(mixed, self.size)
        whole = cropped.is_contiguous(memory_format=torch.channels_last)
        return (cropped.clamp_(0, 1) if whole else cropped.clamp(0, 1)), targets  # a part is copied anyway

"""The usual augmentation: flip, small affine move, brightness, contrast."""

import math

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Chance
from dataset.augmentation.colour import brightness, contrast
from dataset.augmentation.warp import warp
from dataset.tasks.moves import Move
from utils.convert import Angle, Fraction
from utils.device import constant


@AUGMENTATIONS.register
class TrainAugmentation(Augmentation):
    """Moves each image once, by one affine map, and then changes its light.

    With prepared images larger than the model's (``room`` in [images]) a move brings in what lies
    beyond the frame; without, the border is mirrored.

    Args:
        flip: the probability of a left-right flip.
        shift: the largest move, as a fraction of height and of width.
        scale: the largest relative change of size.
        degrees: the largest rotation.
        light: half the width of the range, around 1, of the brightness and contrast factors.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int],
        flip: Fraction = 0.5,
        shift: Fraction = 0.06,
        scale: Fraction = 0.08,
        degrees: Angle = 6.0,
        light: Fraction = 0.2,
    ) -> None:
        self.size, self.flip, self.shift, self.scale = size, flip, shift, scale
        self.degrees, self.light = degrees, light
        strengths: dict[Move, float] = {"flip": flip, "shift": shift, "scale": scale, "rotate": degrees}
        self.moves = frozenset(move for move, strength in strengths.items() if strength)

    def images(self, images: Tensor, chance: Chance) -> Tensor:
        moved = warp(images, self._maps(images, chance), self.size)
        moved = brightness(moved, chance.uniform(1 - self.light, 1 + self.light, len(images)))
        return contrast(moved, chance.uniform(1 - self.light, 1 + self.light, len(images)))

    def _maps(self, images: Tensor, chance: Chance) -> Tensor:
        """Return (N, 2, 3): from the result's coordinates in [-1, 1] to those of the prepared image."""
        count = len(images)
        height, width = self.size

        mirrored = torch.where(chance.uniform(0, 1, count) < self.flip, -1.0, 1.0)
        zoom = 1 + chance.uniform(-self.scale, self.scale, count)
        angle = chance.uniform(-self.degrees, self.degrees, count) * (math.pi / 180)
        offset = chance.uniform(-2 * self.shift, 2 * self.shift, count, 2)

        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        maps = torch.stack(
            [
                torch.stack([cos * mirrored, -sin * (height / width), offset[:, 0]], dim=1),
                torch.stack([sin * mirrored * (width / height), cos, offset[:, 1]], dim=1),
            ],
            dim=1,
        )
        room = constant((width / images.shape[3], height / images.shape[2]), maps.device)
        return maps * room.view(1, 2, 1)

"""The operations that RandAugment and TrivialAugment draw from, each with a strength for each image.

Operations and ranges are those of RandAugment, Cubuk et al., 2019, https://arxiv.org/abs/1909.13719, with
mirrored borders instead of black ones. Images are float (N, 3, H, W) in [0, 1]; strengths (N) are in [-1, 1],
and 0 changes nothing, except with ``autocontrast`` and ``equalise``, which have no strength.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.augmentation import colour
from dataset.augmentation.base import Chance
from dataset.augmentation.warp import warp
from dataset.tasks.moves import Move
from utils.device import constant

MOVES: frozenset[Move] = frozenset({"shift", "rotate"})  # of whole images that some of them make
_SHEAR = 0.3  # columns a row moves, for each row from the middle
_SHIFT = 150 / 331  # of the side; the source moves images of 331 pixels by at most 150
_DEGREES = 30.0
_LIGHT = 0.9  # factors from 0.1 to 1.9
_BITS = 4  # that posterise drops at most


def shear_x(images: Tensor, strength: Tensor) -> Tensor:
    return _affine(images, 1, strength * _SHEAR, 0, 0, 1, 0)


def shear_y(images: Tensor, strength: Tensor) -> Tensor:
    return _affine(images, 1, 0, 0, strength * _SHEAR, 1, 0)


def translate_x(images: Tensor, strength: Tensor) -> Tensor:
    return _affine(images, 1, 0, strength * _SHIFT * images.shape[3], 0, 1, 0)


def translate_y(images: Tensor, strength: Tensor) -> Tensor:
    return _affine(images, 1, 0, 0, 0, 1, strength * _SHIFT * images.shape[2])


def rotate(images: Tensor, strength: Tensor) -> Tensor:
    angle = strength * _DEGREES * (math.pi / 180)
    return _affine(images, angle.cos(), -angle.sin(), 0, angle.sin(), angle.cos(), 0)


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    return colour.brightness(images, 1 + strength * _LIGHT)


def saturation(images: Tensor, strength: Tensor) -> Tensor:
    return colour.saturation(images, 1 + strength * _LIGHT)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    return colour.contrast(images, 1 + strength * _LIGHT)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    """Move each pixel away from the mean around it, or towards it."""
    soft = _softened(images)
    return (soft + (images - soft) * (1 + strength * _LIGHT).view(-1, 1, 1, 1)).clamp(0, 1)


def posterise(images: Tensor, strength: Tensor) -> Tensor:
    """Keep the highest of 8 bits: all at strength 0, four at 1."""
    step = 2 ** (strength.abs() * _BITS).round().view(-1, 1, 1, 1)
    return ((images * 255).round() / step).floor() * step / 255


def solarise(images: Tensor, strength: Tensor) -> Tensor:
    """Invert what is brighter than 1 - strength."""
    return torch.where(images > 1 - strength.abs().view(-1, 1, 1, 1), 1 - images, images)


def autocontrast(images: Tensor, strength: Tensor) -> Tensor:
    """Stretch each channel to the whole range."""
    stretched: Tensor = _torchvision().autocontrast(images)
    return stretched


def equalise(images: Tensor, strength: Tensor) -> Tensor:
    """Make all values of a channel as frequent."""
    even: Tensor = _torchvision().equalize(images)
    return even


def identity(images: Tensor, strength: Tensor) -> Tensor:
    return images


Operation = Callable[[Tensor, Tensor], Tensor]
OPERATIONS: tuple[Operation, ...] = (
    identity, shear_x, shear_y, translate_x, translate_y, rotate, brightness, saturation, contrast, sharpness,
    posterise, solarise, autocontrast, equalise,
)  # fmt: skip


def one_of_all(
    images: Tensor, strength: Tensor, chance: Chance, operations: Sequence[Operation] | None = None
) -> Tensor:
    """Return each image changed by one operation, of all or those given, with its own strength.

    The batch is dealt out to the operations, so each is used equally often, give or take one image: which
    images it gets is random, how many is known without asking the device.
    """
    operations = operations or OPERATIONS
    order = chance.permutation(len(images))
    first = chance.generator.initial_seed() % len(operations)  # else the first ones had one image more always
    dealt = [order[number :: len(operations)] for number in range(min(len(images), len(operations)))]
    changed = [
        operations[(first + number) % len(operations)](images[rows], strength[rows])
        for number, rows in enumerate(dealt)
    ]

    # Put back in order by reading, since writing to rows makes a GPU sort them, for each operation.
    return torch.cat(changed).index_select(0, torch.cat(dealt).argsort())


def _softened(images: Tensor) -> Tensor:
    """Return each pixel inside as the mean of those around it, itself counted five times.

    As torchvision's ``adjust_sharpness`` with factor 0, which copies its kernel to the device each time.
    """
    height, width = images.shape[2:]
    if height <= 2 or width <= 2:
        return images
    around, itself = 1 / 13, 5 / 13
    kernel = constant((*[around] * 4, itself, *[around] * 4), images.device).view(1, 1, 3, 3)
    soft = images.clone()
    inside = soft[..., 1:-1, 1:-1]
    inside += F.conv2d(images, kernel.expand(3, 1, 3, 3), groups=3) - inside
    return soft.clamp_(0, 1)


def _torchvision() -> Any:
    """Return torchvision's operations; imported late, since it takes a second and few configs need them."""
    from torchvision.transforms.v2 import functional

    return functional


def _affine(images: Tensor, *entries: Tensor | float) -> Tensor:
    """Return images whose pixel (x, y) comes from (a x + b y + c, d x + e y + f).

    Args:
        images: (N, 3, H, W).
        entries: from a to f, in pixels from the middle; each a number or (N).
    """
    height, width = images.shape[2:]
    a, b, c, d, e, f = (images.new_zeros(len(images)) + entry for entry in entries)
    # warp counts from -1 to 1 along each side, however long it is.
    maps = torch.stack([a, b * height / width, 2 * c / width, d * width / height, e, 2 * f / height], dim=1)
    return warp(images, maps.view(-1, 2, 3), (height, width))

"""Colour changes of a whole batch, with a strength for each image."""

import torch
from torch import Tensor

from utils.device import constant

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma, as torchvision's rgb_to_grayscale


def grey(images: Tensor) -> Tensor:
    """Return the luma of RGB images: (N, 1, H, W) from (N, 3, H, W)."""
    weights = constant(_GREY, images.device).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply each image by its factor (N); 1 changes nothing."""
    return (images * factor.view(-1, 1, 1, 1)).clamp_(0, 1)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move each image away from its mean luma by its factor (N); 0 is flat, 1 changes nothing."""
    mean = grey(images.mean(dim=(2, 3), keepdim=True))
    factor = factor.view(-1, 1, 1, 1)
    return torch.addcmul(mean * (1 - factor), images, factor).clamp_(0, 1)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move each pixel away from its own luma by its image's factor (N); 0 is grey."""
    luma = grey(images)
    return (luma + (images - luma) * factor.view(-1, 1, 1, 1)).clamp(0, 1)


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of each image by its part of the colour circle (N), in [-0.5, 0.5]; 0 changes nothing.

    The largest and the smallest of a pixel's red, green and blue stay what they were (value and chroma of
    HSV), as in torchvision's ``adjust_hue``. Hues are counted in sixths of the circle, from red.
    """
    red, green, blue = images.unbind(dim=1)
    value = images.amax(dim=1)
    chroma = value - images.amin(dim=1)
    divisor = torch.where(chroma > 0, chroma, 1)  # a grey pixel has no hue, and needs none
    of_blue = 4 + (red - green) / divisor
    of_green = torch.where(value == green, 2 + (blue - red) / divisor, of_blue)
    sixth = torch.where(value == red, (green - blue) / divisor, of_green) + 6 * turn.view(-1, 1, 1)
    missing = []  # each channel's distance from the value, as a fraction of the chroma
    for first in (5, 3, 1):  # of red, green and blue: how far its fall begins before or after red
        position = (first + sixth) % 6
        missing.append(torch.minimum(position, 4 - position).clamp(0, 1))
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.stack(missing, dim=1)

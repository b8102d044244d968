"""Mirrored borders whose gradient is the same on every run, also on a GPU."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mirrored(images: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Return (N, C, H, W) with mirrored borders, as ``F.pad(mode="reflect")``.

    PyTorch adds up the gradient of its own reflection padding in any order on a GPU, and refuses to where
    the same bits are asked for. Pieces that are joined have no such sum.
    """
    images = _with_ends(images, left, right, dim=3)
    return _with_ends(images, top, bottom, dim=2)


def _with_ends(images: Tensor, before: int, after: int, dim: int) -> Tensor:
    length = images.shape[dim]
    first = images.narrow(dim, 1, before).flip(dim)
    last = images.narrow(dim, length - 1 - after, after).flip(dim)
    return torch.cat([first, images, last], dim)


def mirror_blurs(model: nn.Module) -> None:
    """Let timm's blurring layers (of TResNet and others) pad by ``mirrored``: the same values."""
    from timm.layers.blur_pool import BlurPool2d

    class Blur(BlurPool2d):
        filt: Tensor

        def forward(self, x: Tensor) -> Tensor:
            channels = x.shape[1]
            kernel = self.filt if self.channels else self.filt.expand(channels, -1, -1, -1)
            left, right, top, bottom = cast(list[int], self.padding)
            x = mirrored(x, left, right, top, bottom)
            return F.conv2d(x, kernel, stride=self.stride, groups=channels)

    for layer in model.modules():
        if type(layer) is BlurPool2d and layer.pad_mode == "reflect":
            layer.__class__ = Blur

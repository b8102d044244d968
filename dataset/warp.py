"""Moves every image of a batch by an affine map of its own."""

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(images: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, C, *size), read bilinearly at the mapped places; beyond the border the image is mirrored.

    Args:
        images: float (N, C, H, W).
        maps: float (N, 2, 3), from x and y of the result to those of the image; both run from -1 to 1 along
            each side, however long it is.
    """
    down, across = (_middles(pixels, maps).view(1, -1, 1) for pixels in size)
    # A row's and a column's part of each place add up: one pass, where a matrix product takes several.
    rows = down * maps[:, None, :, 1] + maps[:, None, :, 2]
    columns = across * maps[:, None, :, 0]
    grid = rows.unsqueeze(2) + columns.unsqueeze(1)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _middles(pixels: int, like: Tensor) -> Tensor:
    """Return where the middles of a side's pixels are, from -1 to 1."""
    return (torch.arange(pixels, dtype=like.dtype, device=like.device) * 2 + 1) / pixels - 1

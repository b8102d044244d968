"""Moves every image of a batch by an affine map of its own."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Map = Callable[[Callable[[range], None], Sequence[range]], Iterable[None]]
_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def warp(images: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, 3, *size), read bilinearly at the mapped places; beyond the border the image is mirrored.

    On a CPU by OpenCV, which takes less than half of torch's time; the values differ by rounding only.

    Args:
        images: float32 (N, 3, H, W).
        maps: float (N, 2, 3), from x and y of the result to those of the image; both run from -1 to 1 along
            each side, however long it is.
    """
    return _by_opencv(images, maps, size) if images.device.type == "cpu" else by_torch(images, maps, size)


def by_torch(images: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the same on any device."""
    down, across = (_middles(pixels, maps).view(1, -1, 1) for pixels in size)
    # A row's and a column's part of each place add up: one pass, where a matrix product takes several.
    rows = down * maps[:, None, :, 1] + maps[:, None, :, 2]
    columns = across * maps[:, None, :, 0]
    grid = rows.unsqueeze(2) + columns.unsqueeze(1)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _by_opencv(images: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    pixels = (
        images.permute(0, 2, 3, 1).contiguous().numpy()
    )  # the same memory as what is in channels-last memory
    warped = np.empty((len(pixels), *size, 3), np.float32)
    in_pixels = _in_pixels(maps.double().numpy(), pixels.shape[1:3], size)

    def warp_rows(rows: range) -> None:
        for row in rows:  # OpenCV moves four channels in half of the time that it takes for three
            four = cv2.cvtColor(pixels[row], cv2.COLOR_RGB2RGBA)
            moved = cv2.warpAffine(
                four, in_pixels[row], size[::-1], flags=_FLAGS, borderMode=cv2.BORDER_REFLECT
            )
            cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB, warped[row])

    # The model's threads still look for work, and take the cores from as many others.
    threads = max(1, torch.get_num_threads() // 2)
    shares = [range(first, len(pixels), threads) for first in range(threads)]
    list(_map(threads)(warp_rows, shares))  # OpenCV lets other threads run meanwhile
    return torch.from_numpy(warped).permute(0, 3, 1, 2)


def _in_pixels(
    maps: NDArray[np.float64], source: tuple[int, int], result: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the maps (N, 2, 3) between pixels, counted from the middle of the first one.

    From the pixel x of W' to -1..1 it is (2 x + 1) / W' - 1, and back, of W, ((u + 1) W - 1) / 2.
    """
    height, width = result
    to_ends = np.array([[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]])
    sides = np.array([[source[1]], [source[0]]], dtype=np.float64)
    maps_of_pixels = (maps @ to_ends) * sides / 2
    maps_of_pixels[:, :, 2:] += (sides - 1) / 2
    return np.asarray(maps_of_pixels)


@cache
def _map(threads: int) -> Map:
    cv2.setNumThreads(1)  # OpenCV's own threads would fight with these
    return map if threads == 1 else ThreadPoolExecutor(threads, "warp").map


def _middles(pixels: int, like: Tensor) -> Tensor:
    """Return where the middles of a side's pixels are, from -1 to 1."""
    return (torch.arange(pixels, dtype=like.dtype, device=like.device) * 2 + 1) / pixels - 1

"""A JPEG decoded at half its height and width, in half the time, where that is as good as all of it.

At less than half, little more time is won. What is left is nearly the mean over areas, but not quite:
colours of half the resolution are spread over their neighbours only when all of it is decoded, and areas
that don't consist of whole pixels cut through the smaller copy's. Both matter as much as neighbouring pixels
differ, so ``is_busy`` looks at that.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from dataset.croppers.base import Box, Cropper, Pixels
from dataset.images.decode import RGB, opencv_pixels
from dataset.images.header import Damaged, Header
from dataset.images.upright import turned

_HALF_RGB = RGB | cv2.IMREAD_REDUCED_GRAYSCALE_2  # as IMREAD_REDUCED_COLOR_2 is 2 with BGR
# Squared grey levels, of which a 34th, and a 16th, became error in the worst cases that were measured.
_BUSY_IN_WHOLE_PIXELS, _BUSY = 200.0, 100.0


class _HalfBox(NamedTuple):
    """The part of a halved file that is kept, and whether the cropper found it."""

    box: Box
    was_found: bool


def half_size(
    data: Pixels, header: Header, cropper: Cropper, size: tuple[int, int]
) -> tuple[Pixels, bool] | None:
    """Return the part to keep at half its size, and whether the cropper found it.

    None: all of the file has to be decoded, since it is no such JPEG, the cropper looks at the pixels, or
    half of them are too few or differ too much.

    Args:
        size: height and width in pixels that the part will be shrunk to.
    """
    if header.kind != "JPEG" or header.colours not in (1, 3) or cropper.looks:
        return None
    half = _half_box(cropper, size, header.shape)
    if half is None or (image := _halved(data, header)) is None:
        return None

    part = half.box.cut(image)
    return None if is_busy(part, size) else (part, half.was_found)


@lru_cache
def _half_box(cropper: Cropper, size: tuple[int, int], shape: tuple[int, int]) -> _HalfBox | None:
    """Return what to keep of a file of this shape; None if half of it has too few pixels, or half ones."""
    # The cropper looks at nothing but the shape, so it is shown an image that takes no memory.
    box, was_found = cropper.box_or_fallback(np.broadcast_to(np.uint8(0), (*shape, 3)))

    enough = box.height >= 4 * size[0] and box.width >= 4 * size[1]
    if not enough or any(pixels % 2 for pixels in (*shape, *box)):
        return None
    return _HalfBox(Box(*(pixels // 2 for pixels in box)), was_found)


def _halved(data: Pixels, header: Header) -> Pixels | None:
    """Return a JPEG at half of its height and width, RGB and upright; None if it can't be read."""
    try:
        image = opencv_pixels(data, _HALF_RGB)
    except Damaged:
        return None
    return turned(np.asarray(image, dtype=np.uint8), header)


def is_busy(image: Pixels, size: tuple[int, int]) -> bool:
    """Return whether neighbours in a halved image differ so much that the whole file should be decoded.

    Where they don't, shrinking it by the mean over areas gives what all of the file gives, with a peak
    signal-to-noise ratio of 40 dB or more (measured with noise, edges, text and stripes of many kinds, see
    the tests). Chessboards of single pixels that a strong compression drives beyond black or white are an
    exception: nothing of them is left in a halved image.

    Args:
        size: height and width that it is to be shrunk to, at most half of what it has.
    """
    whole = image.shape[0] % size[0] == 0 and image.shape[1] % size[1] == 0
    differences = cv2.norm(image[1:], image[:-1], cv2.NORM_L2SQR)
    differences += cv2.norm(image[:, 1:], image[:, :-1], cv2.NORM_L2SQR)
    return differences > (_BUSY_IN_WHOLE_PIXELS if whole else _BUSY) * image.size

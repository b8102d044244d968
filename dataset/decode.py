"""From the bytes of an image file to pixels: all of them, or a smaller copy for half the time.

A JPEG can be decoded at half of its height and width (at less than half, little more time is won). What is
left is nearly the mean over areas, but not quite: colours of half the resolution are spread over their
neighbours only when all of it is decoded, and areas that don't consist of whole pixels cut through the
smaller copy's. Both matter as much as neighbouring pixels differ, so ``is_busy`` looks at that.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dataset.cropper import Pixels

_HALF_RGB = cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB  # as IMREAD_REDUCED_COLOR_2 is 2 with BGR
_STARTS_OF_FRAME = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive Huffman coding
_EXIF = 0xE1
# Squared grey levels, of which a 34th, and a 16th, became error in the worst cases that were measured.
_BUSY_IN_WHOLE_PIXELS, _BUSY = 200.0, 100.0


class UnreadableImage(ValueError):
    """A file that can't be decoded; the message says which and why."""


class JpegHeader(NamedTuple):
    """Height and width as they are stored, and whether the file may say that it lies on its side."""

    height: int
    width: int
    may_lie: bool


def read(path: Path) -> Pixels:
    """Return a file's bytes, uint8 (N).

    Raises:
        UnreadableImage: the file is missing or empty.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            data = np.frombuffer(file.read(), dtype=np.uint8)
    except OSError as error:
        raise UnreadableImage(f"{path}: {error.strerror}") from None
    if not data.size:
        raise UnreadableImage(f"{path}: the file is empty")
    return data


def decode(path: Path) -> Pixels:
    """Return RGB uint8 (H, W, 3), turned upright by EXIF; grey is repeated, alpha is dropped.

    Raises:
        UnreadableImage: the file is missing, truncated or no image.
    """
    return decoded(read(path), path)


def decoded(data: Pixels, path: Path) -> Pixels:
    """Return the same from a file's bytes."""
    image = _pixels(data, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise UnreadableImage(f"{path}: not an image, or cut off")
    return image


def jpeg_header(data: Pixels) -> JpegHeader | None:
    """Return what the header of an 8-bit grey or colour JPEG says; None for any other file."""
    head, at, may_lie = data.data, 2, False
    if bytes(head[:2]) != b"\xff\xd8":
        return None
    while at + 10 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if marker in _STARTS_OF_FRAME:
            bits, *_, colours = head[at + 4 : at + 10]
            height, width = (int.from_bytes(head[at + i : at + i + 2]) for i in (5, 7))
            return JpegHeader(height, width, may_lie) if bits == 8 and colours in (1, 3) else None
        may_lie |= marker == _EXIF
        at += 2 + length
    return None


def halved(data: Pixels) -> Pixels | None:
    """Return a JPEG at half of its height and width, RGB and upright; None if it can't be read."""
    return _pixels(data, _HALF_RGB)


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


def _pixels(data: Pixels, how: int) -> Pixels | None:
    try:
        image = cv2.imdecode(data, how)
    except cv2.error:  # more pixels than OpenCV takes: most likely a broken header
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)

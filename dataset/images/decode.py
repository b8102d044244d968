"""From the bytes of an image file to pixels: all of them, or a smaller copy for half the time.

A JPEG can be decoded at half of its height and width (at less than half, little more time is won). What is
left is nearly the mean over areas, but not quite: colours of half the resolution are spread over their
neighbours only when all of it is decoded, and areas that don't consist of whole pixels cut through the
smaller copy's. Both matter as much as neighbouring pixels differ, so ``is_busy`` looks at that.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dataset.croppers.base import Pixels
from dataset.images.by_pillow import check_container, pillow_decoded
from dataset.images.depth import Depth, to_bytes, used_bits
from dataset.images.foreign import name_foreign
from dataset.images.header import FRAMES, Damaged, Header, read_header
from dataset.images.npy import NPY, npy_pixels
from dataset.images.wholeness import check_whole

MOST_PIXELS = 100_000_000  # that a file may say it has: decoded they take 300 MB
# Which way up a photo lies is read from its header, so that every OpenCV turns every kind of file alike.
_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_HALF_RGB = _RGB | cv2.IMREAD_REDUCED_GRAYSCALE_2  # as IMREAD_REDUCED_COLOR_2 is 2 with BGR
# Not in RGB: OpenCV then gives memory that it never wrote to for a TIFF (4.12 and 5.0 do).
_DEEP_BGR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
# Squared grey levels, of which a 34th, and a 16th, became error in the worst cases that were measured.
_BUSY_IN_WHOLE_PIXELS, _BUSY = 200.0, 100.0
_TURNS: dict[int, Callable[[Any], Any]] = {  # by what EXIF says
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


class UnreadableImage(ValueError):
    """A file that can't be decoded, or is damaged; the message says which and why."""


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


def header_of(data: Pixels, path: Path) -> Header:
    """Return what a file's first bytes say of it.

    Raises:
        UnreadableImage: it is of a kind that is not read, has too many pixels, or is damaged.
    """
    try:
        header = read_header(data)
    except Damaged as error:
        raise UnreadableImage(f"{path}: damaged, {error}") from None
    if header is None:
        raise UnreadableImage(f"{path}: {name_foreign(data)}")
    if header.refused:
        raise UnreadableImage(f"{path}: {header.refused}")
    height, width = header.height, header.width
    if height * width > MOST_PIXELS:
        raise UnreadableImage(
            f"{path}: a {header.kind} of {width} x {height} pixels, which is too large: at most "
            f"{MOST_PIXELS // 10**6} megapixels are read. Make it smaller"
        )
    if not height * width:
        raise UnreadableImage(f"{path}: damaged, a {header.kind} of {width} x {height} pixels")
    return header


def decode(path: Path, depth: Depth = 16) -> Pixels:
    """Return RGB uint8 (H, W, 3), turned upright by EXIF; grey is repeated, alpha is dropped.

    Raises:
        UnreadableImage: the file is missing, truncated or no image.
    """
    data = read(path)
    return decoded(data, header_of(data, path), path, depth)[0]


def decoded(data: Pixels, header: Header, path: Path, depth: Depth) -> tuple[Pixels, str]:
    """Return the same from a file's bytes, and what is to be said of it, or ""."""
    remark = header.remark
    try:
        check_whole(data, header)
        image, more = _decoded(data, header)
        remark = FRAMES if more else remark
        if image.dtype == np.uint16:
            remark = bits_remark(used_bits(image))
            image = to_bytes(image, depth)
    except Damaged as error:
        raise UnreadableImage(f"{path}: a damaged {header.kind}, {error}") from None
    except ValueError as error:
        raise UnreadableImage(f"{path}: {error}") from None
    return turned(np.asarray(image, dtype=np.uint8), header), remark


def bits_remark(bits: int) -> str:
    """Return the remark on an image of 16-bit values of which the brightest has ``bits``."""
    return f"{bits} of 16 bits"


def halved(data: Pixels, header: Header) -> Pixels | None:
    """Return a JPEG at half of its height and width, RGB and upright; None if it can't be read."""
    try:
        image = _pixels(data, _HALF_RGB)
    except Damaged:
        return None
    return turned(np.asarray(image, dtype=np.uint8), header)


def turned(image: Pixels, header: Header) -> Pixels:
    """Return an image upright."""
    turn = _TURNS.get(header.lies)
    return image if turn is None else np.asarray(turn(image), dtype=np.uint8)


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


def _decoded(data: Pixels, header: Header) -> tuple[Any, bool]:
    """Return the pixels of a file, uint8 or uint16 (H, W, 3), and whether there are more frames."""
    kind, deep = header.kind, header.bits > 8
    if kind == NPY:
        return npy_pixels(data), False
    if header.by_pillow:
        return pillow_decoded(data, kind, MOST_PIXELS)
    if kind == "TIFF":  # Pillow keeps 8 bits of each colour, but notices damage
        pillow_decoded(data, kind, MOST_PIXELS)
    elif kind == "WebP":
        check_container(data, kind)
    image = cv2.cvtColor(_pixels(data, _DEEP_BGR), cv2.COLOR_BGR2RGB) if deep else _pixels(data, _RGB)
    return image, header.remark == FRAMES


def _pixels(data: Pixels, how: int) -> Any:
    """Return what OpenCV makes of a file, uint8 or uint16 (H, W, 3)."""
    try:
        image = cv2.imdecode(data, how)
    except cv2.error:  # more pixels than OpenCV takes: most likely a broken header
        image = None
    if image is None:
        raise Damaged("or cut off: it can't be decoded")
    return image

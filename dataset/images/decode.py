"""From the bytes of an image file to pixels, upright and in RGB."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dataset.croppers.base import Pixels
from dataset.images.by_pillow import check_container, pillow_decoded
from dataset.images.depth import Depth, to_bytes, used_bits
from dataset.images.file_bytes import MOST_PIXELS, header_of, read
from dataset.images.file_bytes import UnreadableImage as UnreadableImage
from dataset.images.header import FRAMES, Damaged, Header
from dataset.images.npy import NPY, npy_pixels
from dataset.images.upright import turned
from dataset.images.wholeness import check_whole

# Which way up a photo lies is read from its header, so that every OpenCV turns every kind of file alike.
RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# Not in RGB: OpenCV then gives memory that it never wrote to for a TIFF (4.12 and 5.0 do).
_DEEP_BGR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


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


def _decoded(data: Pixels, header: Header) -> tuple[Any, bool]:
    """Return the pixels of a file, uint8 or uint16 (H, W, 3), and whether there are more frames."""
    kind = header.kind
    if kind == NPY:
        return npy_pixels(data), False
    if header.by_pillow:
        return pillow_decoded(data, kind, MOST_PIXELS)
    if kind == "TIFF":  # Pillow keeps 8 bits of each colour, but notices damage
        pillow_decoded(data, kind, MOST_PIXELS)
    elif kind == "WebP":
        check_container(data, kind)

    image = opencv_pixels(data, _DEEP_BGR if header.bits > 8 else RGB)
    if header.bits > 8:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return image, header.remark == FRAMES


def opencv_pixels(data: Pixels, how: int) -> Any:
    """Return what OpenCV makes of a file, uint8 or uint16 (H, W, 3).

    Raises:
        Damaged: it can't be decoded.
    """
    try:
        image = cv2.imdecode(data, how)
    except cv2.error:  # more pixels than OpenCV takes: most likely a broken header
        image = None
    if image is None:
        raise Damaged("or cut off: it can't be decoded")
    return image

"""Decoding by Pillow, of what OpenCV does not read, reads otherwise, or reads in one version only."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from dataset.croppers.base import Pixels
from dataset.images.header import Damaged

_OPEN: dict[str, Callable[[Any], Any]] = {
    "AVIF": AvifImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
    "WebP": WebPImageFile,
}
_UPRIGHT = ("AVIF", "TIFF")  # kinds whose decoder turns them
# What Pillow raises on damaged files; warnings are raised where they are made errors.
_FAILURES = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    AttributeError,
    struct.error,
    Image.DecompressionBombError,
    Warning,
)


def pillow_decoded(data: Pixels, kind: str, most_pixels: int) -> tuple[Pixels, bool]:
    """Return the first frame, RGB uint8 (H, W, 3), and whether there are more.

    A TIFF or AVIF comes upright, another kind as it is stored.

    Args:
        data: the file's bytes, uint8 (N).
        most_pixels: that the frame may have; a GIF's may be larger than its header says.

    Raises:
        Damaged: it can't be decoded.
    """
    try:
        image = _OPEN[kind](io.BytesIO(data.data))
        width, height = image.size
        if width * height > most_pixels:
            raise Damaged(f"its first frame has {width} x {height} pixels")
        if kind in _UPRIGHT:
            image.load()
            more = getattr(image, "n_frames", 1) > 1
            image = ImageOps.exif_transpose(image)
        else:
            more = image.is_animated
        return np.asarray(image.convert("RGB"), dtype=np.uint8), more
    except _FAILURES as error:
        raise Damaged(f"or cut off: {' '.join(str(error).split())[:200]}") from None


def check_container(data: Pixels, kind: str) -> None:
    """Refuse a file whose parts don't fit each other; no pixel is decoded.

    Raises:
        Damaged: Pillow can't open it.
    """
    try:
        _OPEN[kind](io.BytesIO(data.data))
    except _FAILURES as error:
        raise Damaged(f"or cut off: {' '.join(str(error).split())[:200]}") from None

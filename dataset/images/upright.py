"""Photos are turned upright by what their headers say of how they lie."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from dataset.croppers.base import Pixels
from dataset.images.header import Header

_TURNS: dict[int, Callable[[Any], Any]] = {  # by what EXIF says
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def turned(image: Pixels, header: Header) -> Pixels:
    """Return an image upright."""
    turn = _TURNS.get(header.lies)
    return image if turn is None else np.asarray(turn(image), dtype=np.uint8)

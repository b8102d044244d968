"""From values of 16 bits to the 8 that a model sees."""

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from dataset.croppers.base import Pixels
from utils.convert import Interval

Depth = Literal["stretch"] | Annotated[int, Interval(8, 16)]
Deep = NDArray[np.uint16]


def to_bytes(image: Deep, depth: Depth) -> Pixels:
    """Return an image of 16-bit values as uint8.

    Args:
        depth: how many bits the values use, so that all images keep the same scale; or ``stretch``: each
            image from its own darkest to its own brightest value.

    Raises:
        ValueError: a value needs more bits.
    """
    darkest, brightest = int(image.min()), int(image.max())
    if depth == "stretch":
        return _table(darkest, max(brightest, darkest + 1))[image]
    if brightest >> depth:
        raise ValueError(f"its brightest value, {brightest}, does not fit [images] depth = {depth} bits")
    return np.asarray(image >> (depth - 8), dtype=np.uint8)


def used_bits(image: Deep) -> int:
    """Return how many bits the brightest value takes."""
    return int(image.max()).bit_length()


@lru_cache(maxsize=8)
def _table(darkest: int, brightest: int) -> Pixels:
    values = np.arange(2**16, dtype=np.float64)
    return np.rint((values - darkest).clip(0) * (255 / (brightest - darkest))).clip(0, 255).astype(np.uint8)

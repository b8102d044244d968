"""Prepared images as JPEG, of which each keeps a peak signal-to-noise ratio of at least 40 dB.

Each image is measured: it gets the lowest of a few qualities that keeps the ratio, with colours of full
resolution, and PNG, which loses nothing, where none of them does.
"""

import cv2
import numpy as np

from dataset.croppers.base import Pixels

LEAST = 40.0  # dB: the error's mean square is 6.5 squared grey levels
_QUALITIES = (90, 95, 98, 100)
_FULL_COLOUR = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_LONGEST = 65_500  # pixels of a JPEG's side
_MOST = 100.0  # dB that are said of an image that lost nothing


def encoded(image: Pixels) -> tuple[Pixels, float]:
    """Return an RGB image (H, W, 3) as the bytes of a file, uint8 (N), and its ratio in dB, at most 100."""
    bgr = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), dtype=np.uint8)

    for quality in _QUALITIES if max(image.shape) <= _LONGEST else ():
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality, *_FULL_COLOUR])
        kept = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_BGR), dtype=np.uint8)
        if (ratio := cv2.PSNR(bgr, kept)) >= LEAST:
            return np.asarray(data, dtype=np.uint8), min(ratio, _MOST)

    _, data = cv2.imencode(".png", bgr)
    return np.asarray(data, dtype=np.uint8), _MOST


def decoded(data: Pixels, out: Pixels) -> None:
    """Decode what ``encoded`` returned into ``out``, RGB uint8 (H, W, 3).

    Raises:
        ValueError: it is no image of this height and width.
    """
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ValueError("it can't be decoded")
    out[:] = image


def recoded(image: Pixels) -> Pixels:
    """Return what is left of an image when it is encoded and decoded."""
    kept = np.empty_like(image)
    decoded(encoded(image)[0], kept)
    return kept

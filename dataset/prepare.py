"""From a file to pixels: decode, crop, resize. Deterministic, and the same for train, valid and test."""

from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class UnreadableImage(ValueError):
    """A file that can't be decoded; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """What becomes of every image before anything random.

    Args:
        size: height and width of the result in pixels.
        crop: height and width of the part of the image to keep, in pixels of the file, at most all of
            it; None keeps everything.
        crop_centre: where the middle of that part lies, as fractions of height and width.
    """

    size: tuple[int, int]
    crop: tuple[int, int] | None = None
    crop_centre: tuple[float, float] = (0.5, 0.5)

    def __call__(self, path: Path) -> Pixels:
        """Return RGB uint8 (H, W, 3).

        Raises:
            UnreadableImage: the file is missing, truncated or no image.
        """
        return self.resized(self.cropped(decode(path)))

    def cropped(self, image: Pixels) -> Pixels:
        """Return the part to keep; it never reaches beyond the image's edge."""
        if self.crop is None:
            return image
        (top, height), (left, width) = (
            _window(length, wanted, centre)
            for length, wanted, centre in zip(image.shape, self.crop, self.crop_centre, strict=False)
        )
        return image[top : top + height, left : left + width]

    def resized(self, image: Pixels) -> Pixels:
        """Return the image at ``size``; shrinking averages over areas, so nothing aliases."""
        height, width = self.size
        if image.shape[0] > height or image.shape[1] > width:
            shrunk = (min(width, image.shape[1]), min(height, image.shape[0]))
            image = np.asarray(cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if image.shape[:2] != self.size:
            image = np.asarray(cv2.resize(image, (width, height)), dtype=np.uint8)  # linear
        return image

    def facts(self) -> dict[str, object]:
        """Return what a cache must be keyed by."""
        return asdict(self)


def decode(path: Path) -> Pixels:
    """Return RGB uint8 (H, W, 3), turned upright by EXIF; grey is repeated, alpha is dropped.

    Raises:
        UnreadableImage: the file is missing, truncated or no image.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise UnreadableImage(f"{path}: {error.strerror}") from None
    if not data.size:
        raise UnreadableImage(f"{path}: the file is empty")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error:  # more pixels than OpenCV takes: most likely a broken header
        image = None
    if image is None:
        raise UnreadableImage(f"{path}: not an image, or cut off")
    return np.asarray(image, dtype=np.uint8)


def _window(length: int, wanted: int, centre: float) -> tuple[int, int]:
    wanted = min(wanted, length)
    start = round(centre * length - wanted / 2)
    return min(max(start, 0), length - wanted), wanted

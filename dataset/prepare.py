"""From a file to pixels: decode, crop, resize. Deterministic, and the same for train, valid and test."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dataset.cropper import Box, Cropper, Pixels
from dataset.croppers.whole_image import WholeImage
from utils.errors import ConfigError

_WHOLE = WholeImage()


class UnreadableImage(ValueError):
    """A file that can't be decoded; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """What becomes of every image before anything random.

    Args:
        size: height and width of the result in pixels.
        cropper: finds the part of the image to keep.
        grey: the three colours become one shade of grey, three times.
    """

    size: tuple[int, int]
    cropper: Cropper = _WHOLE
    grey: bool = False

    def __call__(self, path: Path) -> Pixels:
        """Return RGB uint8 (H, W, 3).

        Raises:
            UnreadableImage: the file is missing, truncated or no image.
        """
        return self.with_finding(path)[0]

    def with_finding(self, path: Path) -> tuple[Pixels, bool]:
        """Return the same and whether the cropper found what it looks for."""
        part, found = self.cropped(decode(path))
        image = self.resized(part)
        if self.grey:
            shade = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            image = np.asarray(cv2.cvtColor(shade, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
        return image, found

    def cropped(self, image: Pixels) -> tuple[Pixels, bool]:
        """Return the part to keep, and whether the cropper found it or fell back.

        Raises:
            ConfigError: the cropper's box is not inside the image.
        """
        box = self.cropper(image)
        top, left, height, width = self.cropper.fallback(image) if box is None else box
        rows, columns = image.shape[:2]
        if not (0 <= top < top + height <= rows and 0 <= left < left + width <= columns):
            name, where = type(self.cropper).__name__, Box(top, left, height, width)
            raise ConfigError(f"[crop] {name}: {where} is not inside an image of {rows} x {columns} pixels.")
        return image[top : top + height, left : left + width], box is not None

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
        return {"size": self.size, "crop": self.cropper.facts(), "grey": self.grey}


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

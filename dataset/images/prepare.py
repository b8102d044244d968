"""From a file to pixels: decode, crop, resize. Deterministic, and the same for train, valid and test."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dataset.croppers.base import Cropper, Pixels
from dataset.croppers.whole_image import WholeImage
from dataset.images.decode import decoded
from dataset.images.depth import Depth
from dataset.images.file_bytes import header_of, read
from dataset.images.half_size import half_size

_WHOLE = WholeImage()


class Prepared(NamedTuple):
    """A prepared image, RGB uint8 (H, W, 3).

    Args:
        was_found: whether the cropper found what it looks for.
        remark: what is to be said of how the file was read, or "".
    """

    pixels: Pixels
    was_found: bool
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Prepare:
    """What becomes of every image before anything random.

    Args:
        size: height and width of the result in pixels.
        cropper: finds the part of the image to keep.
        grey: the three colours become one shade of grey, three times.
        depth: what the values of files of 16 bits mean.
    """

    size: tuple[int, int]
    cropper: Cropper = _WHOLE
    grey: bool = False
    depth: Depth = 16

    def __call__(self, path: Path) -> Pixels:
        """Return RGB uint8 (H, W, 3).

        Raises:
            UnreadableImage: the file is missing, truncated or no image.
        """
        return self.with_finding(path)[0]

    def with_finding(self, path: Path) -> Prepared:
        """Return the same and whether the cropper found what it looks for."""
        data = read(path)
        header, remark = header_of(data, path), ""
        kept = half_size(data, header, self.cropper, self.size)
        if kept is None:
            whole, remark = decoded(data, header, path, self.depth)
            kept = self.cropped(whole)
        part, was_found = kept

        image = self.resized(part)
        if self.grey:
            shade = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            image = np.asarray(cv2.cvtColor(shade, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
        return Prepared(image, was_found, remark)

    def cropped(self, image: Pixels) -> tuple[Pixels, bool]:
        """Return the part to keep, and whether the cropper found it or fell back.

        Raises:
            ConfigError: the cropper's box is not inside the image.
        """
        box, was_found = self.cropper.box_or_fallback(image)
        return box.cut(image), was_found

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
        return {
            "size": self.size,
            "crop": self.cropper.facts(),
            "grey": self.grey,
            "depth": self.depth,
            # Its decoders and its resize are not the same in all versions.
            "decoder": f"OpenCV {cv2.__version__}",
        }

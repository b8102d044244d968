"""From a file to pixels: decode, crop, resize. Deterministic, and the same for train, valid and test."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dataset.croppers.base import Box, Cropper, Pixels
from dataset.croppers.whole_image import WholeImage
from dataset.images.decode import decoded, halved, header_of, is_busy, read
from dataset.images.depth import Depth
from dataset.images.header import Header
from utils.errors import ConfigError

_WHOLE = WholeImage()


class Prepared(NamedTuple):
    """A prepared image, RGB uint8 (H, W, 3).

    Args:
        found: whether the cropper found what it looks for.
        remark: what is to be said of how the file was read, or "".
    """

    pixels: Pixels
    found: bool
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
        if (kept := self._halved(data, header)) is None:
            whole, remark = decoded(data, header, path, self.depth)
            kept = self.cropped(whole)
        part, found = kept

        image = self.resized(part)
        if self.grey:
            shade = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            image = np.asarray(cv2.cvtColor(shade, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
        return Prepared(image, found, remark)

    def _halved(self, data: Pixels, header: Header) -> tuple[Pixels, bool] | None:
        """Return the part to keep at half its size, of a JPEG for which that is as good as the whole."""
        if header.kind != "JPEG" or header.colours not in (1, 3) or self.cropper.looks:
            return None
        plan = _plan(self, header.shape)
        if plan is None or (image := halved(data, header)) is None:
            return None
        part = _part(image, plan.half)
        return None if is_busy(part, self.size) else (part, plan.found)

    def cropped(self, image: Pixels) -> tuple[Pixels, bool]:
        """Return the part to keep, and whether the cropper found it or fell back.

        Raises:
            ConfigError: the cropper's box is not inside the image.
        """
        box, found = self._box(image)
        return _part(image, box), found

    def _box(self, image: Pixels) -> tuple[Box, bool]:
        box = self.cropper(image)
        top, left, height, width = self.cropper.fallback(image) if box is None else box
        rows, columns = image.shape[:2]
        if not (0 <= top < top + height <= rows and 0 <= left < left + width <= columns):
            name, where = type(self.cropper).__name__, Box(top, left, height, width)
            raise ConfigError(f"[crop] {name}: {where} is not inside an image of {rows} x {columns} pixels.")
        return Box(top, left, height, width), box is not None

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


class _Plan(NamedTuple):
    """The part of a halved file that is kept, and whether the cropper found it."""

    half: Box
    found: bool


@lru_cache
def _plan(prepare: Prepare, shape: tuple[int, int]) -> _Plan | None:
    """Return what to keep of a file of this shape; None if half of it has too few pixels, or half ones."""
    # The cropper looks at nothing but the shape, so it is shown an image that takes no memory.
    box, found = prepare._box(np.broadcast_to(np.uint8(0), (*shape, 3)))
    enough = box.height >= 4 * prepare.size[0] and box.width >= 4 * prepare.size[1]
    if not enough or any(pixels % 2 for pixels in (*shape, *box)):
        return None
    return _Plan(Box(*(pixels // 2 for pixels in box)), found)


def _part(image: Pixels, box: Box) -> Pixels:
    return image[box.top : box.top + box.height, box.left : box.left + box.width]

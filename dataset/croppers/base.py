"""What every cropper does: which part of an image is kept."""

import hashlib
import inspect
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from utils.errors import ConfigError
from utils.registry import Registry

Pixels = NDArray[np.uint8]


class Box(NamedTuple):
    """A part of an image, in its pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: Pixels) -> Pixels:
        """Return this part of an image (H, W, 3), without a copy."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


class Cropper:
    """Finds the part of an image to keep, the same one each time; a subclass is one file in
    ``dataset/croppers``.

    Runtime argument that a constructor may name: ``image_size``, the height and width in pixels that the
    part is brought to; a part of the same shape is not squeezed.
    """

    looks: ClassVar[bool] = (
        True  # at the pixels; where only the shape counts, files need not be decoded whole
    )
    seeks = "part to crop to"  # for the log: No ... found in 3 of 40 training images:
    instead = "all of each was kept"  # what ``fallback`` does

    def __new__(cls, *args: object, **options: object) -> Self:
        """Note the options, so that no subclass has to think of the cache's key."""
        cropper = super().__new__(cls)
        given = inspect.signature(cls.__init__).bind(cropper, *args, **options)
        given.apply_defaults()
        cropper._options = {name: repr(value) for name, value in list(given.arguments.items())[1:]}
        return cropper

    _options: dict[str, str]

    def __call__(self, image: Pixels) -> Box | tuple[int, int, int, int] | None:
        """Return top, left, height and width of the part, or None if there is nothing to be found.

        Several threads call it at once.

        Args:
            image: RGB uint8 (H, W, 3), upright.
        """
        raise NotImplementedError

    def fallback(self, image: Pixels) -> Box:
        """Return the part to keep of an image in which nothing was found."""
        return Box(0, 0, *image.shape[:2])

    def box_or_fallback(self, image: Pixels) -> tuple[Box, bool]:
        """Return the part to keep, and whether it was found or is the fallback.

        Raises:
            ConfigError: the part is not inside the image.
        """
        part = self(image)
        top, left, height, width = self.fallback(image) if part is None else part

        rows, columns = image.shape[:2]
        if not (0 <= top < top + height <= rows and 0 <= left < left + width <= columns):
            name, where = type(self).__name__, Box(top, left, height, width)
            raise ConfigError(f"[crop] {name}: {where} is not inside an image of {rows} x {columns} pixels.")
        return Box(top, left, height, width), part is not None

    def facts(self) -> dict[str, object]:
        """Return what a cache must be keyed by: the class, its options and its source."""
        return {"name": type(self).__name__, "options": self._options, "source": _source(type(self))}


def window(length: int, wanted: int, centre: float) -> tuple[int, int]:
    """Return start and length of a stretch of ``wanted`` pixels that never leaves an axis.

    Args:
        length: pixels of the axis.
        wanted: at most all of it is kept.
        centre: where the middle of the stretch lies, as a fraction of the axis; it gives way to the edge.
    """
    wanted = min(wanted, length)
    start = round(centre * length - wanted / 2)
    return min(max(start, 0), length - wanted), wanted


def _source(cls: type) -> str:
    """Return a digest of the modules that define a class, so that changed code meets no stale cache."""
    modules = {inspect.getmodule(base) for base in cls.__mro__[:-1]}
    digest = hashlib.sha256()

    for module in sorted(filter(None, modules), key=lambda module: module.__name__):
        try:
            digest.update(inspect.getsource(module).encode())
        except OSError:  # typed into a prompt: there is no file
            digest.update(module.__name__.encode())
    return digest.hexdigest()


CROPPERS: Registry[Cropper] = Registry("cropper", "dataset.croppers", runtime=("image_size",))

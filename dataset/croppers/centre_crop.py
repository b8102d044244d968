"""A part of fixed size in a fixed place."""

from dataset.croppers.base import CROPPERS, Box, Cropper, Pixels, window
from utils.convert import Count, Fraction


@CROPPERS.register
class CentreCrop(Cropper):
    """The middle of each image, or wherever else faces are as a rule.

    Args:
        size: height and width of the part, in pixels of the file; at most all of it is kept.
        centre: where its middle lies, as fractions of height and width; it stays inside the image.
    """

    looks = False

    def __init__(self, *, size: tuple[Count, Count], centre: tuple[Fraction, Fraction] = (0.5, 0.5)) -> None:
        self.size, self.centre = size, centre

    def __call__(self, image: Pixels) -> Box:
        (top, height), (left, width) = (
            window(length, wanted, centre)
            for length, wanted, centre in zip(image.shape[:2], self.size, self.centre, strict=True)
        )
        return Box(top, left, height, width)

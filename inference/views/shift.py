"""A little more of each side."""

from collections.abc import Iterator

from torch import Tensor

from inference.views.base import VIEWS, Part, View, part


@VIEWS.register
class Shift(View):
    """Four images: the frame moved up, down, left and right, by whole pixels.

    What lies beyond the prepared image (see ``room`` in [images]) is mirrored.

    Args:
        by: how far, as a fraction of height and of width; at least a pixel.
    """

    move = "shift"

    def __init__(self, *, size: tuple[int, int], by: Part = 0.05) -> None:
        self.size = size
        self.down, self.across = (max(1, round(side * by)) for side in size)

    def images(self, images: Tensor) -> Iterator[Tensor]:
        top, left = ((have - want) // 2 for have, want in zip(images.shape[-2:], self.size, strict=True))
        for down, across in ((-self.down, 0), (self.down, 0), (0, -self.across), (0, self.across)):
            yield part(images, top + down, left + across, self.size)

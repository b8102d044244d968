"""A little nearer, and a little farther away."""

from collections.abc import Iterator

from torch import Tensor

from dataset.augmentation.warp import warp
from inference.views.base import VIEWS, Part, View


@VIEWS.register
class Scale(View):
    """Two images: less and more of each side in the frame, read bilinearly.

    What lies beyond the prepared image (see ``room`` in [images]) is mirrored.

    Args:
        by: how much less and more, as a fraction of height and of width.
    """

    move = "scale"

    def __init__(self, *, size: tuple[int, int], by: Part = 0.08) -> None:
        self.size, self.by = size, by

    def images(self, images: Tensor) -> Iterator[Tensor]:
        pixels = images.float() / 255
        height, width = self.size
        frame = pixels.new_tensor([[width / images.shape[3], 0, 0], [0, height / images.shape[2], 0]])
        for zoom in (1 - self.by, 1 + self.by):
            yield warp(pixels, (zoom * frame).expand(len(pixels), 2, 3), self.size)

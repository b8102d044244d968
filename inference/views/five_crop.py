"""The corners of the prepared image."""

from collections.abc import Iterator

from torch import Tensor

from inference.views.base import VIEWS, View, part


@VIEWS.register
class FiveCrop(View):
    """Four images: the frame in each corner of the prepared image; with the middle they are five.

    Source: Krizhevsky, Sutskever and Hinton, 2012, section 4.1, which also mirrors them.
    """

    move = "shift"

    def __init__(self, *, size: tuple[int, int], prepared: tuple[int, int]) -> None:
        if prepared == size:
            raise ValueError("has no corner beyond the frame: it needs room = 0.1 or so in [images]")
        self.size = size

    def images(self, images: Tensor) -> Iterator[Tensor]:
        below, right = (have - want for have, want in zip(images.shape[-2:], self.size, strict=True))
        for top, left in ((0, 0), (0, right), (below, 0), (below, right)):
            yield part(images, top, left, self.size)

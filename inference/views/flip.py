"""Left and right exchanged."""

from collections.abc import Iterator

from torch import Tensor

from dataset.batches import centre_crop
from inference.views.base import VIEWS, View


@VIEWS.register
class Flip(View):
    """The mirrored image."""

    move = "flip"

    def __init__(self, *, size: tuple[int, int]) -> None:
        self.size = size

    def images(self, images: Tensor) -> Iterator[Tensor]:
        yield centre_crop(images, self.size).flip(3)

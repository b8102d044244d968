"""Top and bottom exchanged."""

from collections.abc import Iterator

from torch import Tensor

from dataset.batches import centre_crop
from dataset.tasks.moves import UPENDED
from inference.views.base import VIEWS, View


@VIEWS.register
class VerticalFlip(View):
    """The image upside down, as in a mirror."""

    move = "upend"
    moves = UPENDED

    def __init__(self, *, size: tuple[int, int]) -> None:
        self.size = size

    def images(self, images: Tensor) -> Iterator[Tensor]:
        yield centre_crop(images, self.size).flip(2)

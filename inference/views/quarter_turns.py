"""The image turned by quarters."""

from collections.abc import Iterator

from torch import Tensor

from dataset.batches import centre_crop
from dataset.tasks.moves import TURNED
from inference.views.base import VIEWS, View


@VIEWS.register
class QuarterTurns(View):
    """Three images: turned by 90, 180 and 270 degrees; one, by 180, where images are not square."""

    move = "turn"
    moves = TURNED

    def __init__(self, *, size: tuple[int, int]) -> None:
        self.size = size

    def images(self, images: Tensor) -> Iterator[Tensor]:
        middle = centre_crop(images, self.size)
        for quarters in (1, 2, 3) if self.size[0] == self.size[1] else (2,):
            yield middle.rot90(quarters, (2, 3))

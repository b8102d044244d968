"""Another view of an image that a trained model is asked about as well."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from dataset.tasks.moves import Move
from utils.convert import Interval
from utils.registry import Registry

Part = Annotated[float, Interval(0, 0.5, above=True)]  # of a side, or of a size


class View:
    """Shows whole batches in another way; a subclass is one file in views/.

    Runtime arguments that a constructor may name: ``size``, the height and width that the model sees, and
    ``prepared``, those of the prepared images, which are larger where [images] has ``room``.

    Attributes:
        move: what it does.
        moves: all that it may be called by who says what changes labels; as a rule ``move`` alone.
    """

    move: ClassVar[Move]
    moves: ClassVar[frozenset[Move]]

    def __init_subclass__(cls) -> None:
        if "move" in vars(cls) and "moves" not in vars(cls):
            cls.moves = frozenset({cls.move})

    def images(self, images: Tensor) -> Iterator[Tensor]:
        """Yield batches (N, 3, *size), bytes or floats in [0, 1], of prepared images: uint8 (N, 3, H, W)."""
        raise NotImplementedError


VIEWS: Registry[View] = Registry("view", "inference.views", runtime=("size", "prepared"))


def part(images: Tensor, top: int, left: int, size: tuple[int, int]) -> Tensor:
    """Return the part (N, C, *size) that begins at a pixel; beyond the border the image is mirrored."""
    rows, columns = (
        _mirrored(torch.arange(start, start + pixels, device=images.device), side)
        for start, pixels, side in zip((top, left), size, images.shape[-2:], strict=True)
    )
    return images.index_select(-2, rows).index_select(-1, columns)


def _mirrored(pixels: Tensor, side: int) -> Tensor:
    """Return the pixels, from 0 to ``side`` - 1, that those before and behind them stand for."""
    turned = pixels % (2 * side)
    return torch.minimum(turned, 2 * side - 1 - turned)

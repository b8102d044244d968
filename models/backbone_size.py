"""Which image sizes a backbone can take, found out without memory or arithmetic."""

from collections.abc import Iterator
from functools import cache

import torch
from torch import nn

from utils.errors import ConfigError

Size = tuple[int, int]  # height and width in pixels
_STEPS = (32, 14)  # most backbones shrink images by 32 in all; some have patches of 14 pixels


def check_size(name: str, image_size: Size, native: Size) -> None:
    """Refuse a size that a backbone of fixed size can't be built for, or of which it would leave pixels out.

    Args:
        native: the size that the backbone's weights were made for.

    Raises:
        ConfigError: says what is wrong, and sizes near it that work.
    """
    problem = _problem(name, image_size)
    if problem is None:
        return
    working = [size for size in _candidates(image_size, native) if _problem(name, size) is None]
    if not working:  # then the size is not the reason; building it for real tells
        return
    sizes = " or ".join(f"{height}, {width}" for height, width in working)
    raise ConfigError(
        f"{name} can't take [images] size = {image_size[0]}, {image_size[1]}: {problem}. "
        f"Sizes that it takes: {sizes}"
    )


@cache
def _problem(name: str, image_size: Size) -> str | None:
    """Return what a backbone of this image size does wrong, None if nothing."""
    import timm  # late, see models/backbone.py

    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
            backbone = timm.create_model(name, num_classes=0, img_size=image_size).eval()
            problem = _left_out(backbone, image_size)
            if problem is None:
                backbone(torch.zeros(1, 3, *image_size))
    except Exception as error:  # each architecture has a way of its own to say that it can't
        return f"{type(error).__name__}: {error}".rstrip(": .")
    return problem


def _left_out(backbone: nn.Module, image_size: Size) -> str | None:
    """Tell of patches that don't cover the image: timm would leave the right and lower border out."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3 and module.kernel_size == module.stride:
            height, width = module.kernel_size
            if image_size[0] % height or image_size[1] % width:
                return f"it cuts images into patches, so the sides must be multiples of {height}, {width}"
    return None


def _candidates(image_size: Size, native: Size) -> Iterator[Size]:
    """Return sizes to try, without repetition: near the wanted one, square ones, and the native one."""
    tried = []
    for step in _STEPS:
        height, width = (max(step, side // step * step) for side in image_size)
        tried += [(height, width), (max(height, width),) * 2]
    yield from dict.fromkeys([*tried, native])

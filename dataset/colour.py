"""Colour changes of a whole batch, with a strength for each image."""

from torch import Tensor

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma, as torchvision's rgb_to_grayscale


def grey(images: Tensor) -> Tensor:
    """Return the luma of RGB images: (N, 1, H, W) from (N, 3, H, W)."""
    weights = images.new_tensor(_GREY).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply each image by its factor (N); 1 changes nothing."""
    return (images * factor.view(-1, 1, 1, 1)).clamp(0, 1)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move each image away from its mean luma by its factor (N); 0 is flat, 1 changes nothing."""
    mean = grey(images).mean(dim=(1, 2, 3), keepdim=True)
    return (mean + (images - mean) * factor.view(-1, 1, 1, 1)).clamp(0, 1)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move each pixel away from its own luma by its image's factor (N); 0 is grey."""
    luma = grey(images)
    return (luma + (images - luma) * factor.view(-1, 1, 1, 1)).clamp(0, 1)

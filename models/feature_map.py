"""What heads see of an image: a backbone's features, or the map that it would have pooled into them."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional


class PooledNet(nn.Sequential):
    """Layers that end in a map (N, C, H, W), and the mean over it: images to features (N, C).

    It can be run in two parts, as timm's models can: ``forward_features`` and ``forward_head``.

    Attributes:
        num_features: C.
    """

    def __init__(self, *layers: nn.Module, num_features: int) -> None:
        super().__init__(*layers)
        self.num_features = num_features

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the map (N, C, H, W)."""
        for layer in self:
            images = layer(images)
        return images

    def forward_head(self, last: Tensor) -> Tensor:
        """Return features (N, C) of the map."""
        return functional.adaptive_avg_pool2d(last, 1).flatten(1)


def map_channels(backbone: nn.Module) -> int | Mapping[str, int] | None:
    """Return C of the map that a backbone has before it pools, by label space where they see different ones.

    None says that it can't be run in two parts: with those goes ``num_features``, as timm calls it.
    """
    channels: int | Mapping[str, int] | None = getattr(backbone, "num_features", None)
    return channels


def look(backbone: nn.Module, images: Tensor, pooled: Collection[bool]) -> dict[bool, Tensor]:
    """Return what heads see, by their ``Head.pooled``, of one pass through the backbone.

    Args:
        images: float (N, 3, H, W).
        pooled: which is wanted: True: features (N, F); False: tokens (N, T, C), one for each place of the
            map, and the class tokens of a vision transformer before them.

    Raises:
        ValueError: the backbone gives several maps or none.
    """
    if False not in pooled:
        return {True: backbone(images)}
    parts: Any = backbone
    last = parts.forward_features(images)
    seen = {False: _tokens(last, parts.num_features, getattr(backbone, "output_fmt", "NCHW"))}
    if True in pooled:
        seen[True] = parts.forward_head(last)  # timm's forward is just these two
    return seen


def _tokens(last: Any, channels: int, layout: str) -> Tensor:
    """Return (N, T, C) of (N, C, H, W), of (N, H, W, C) as Swin has it, or of tokens."""
    if isinstance(last, Tensor) and last.ndim == 4:
        last = last.flatten(1, 2) if layout == "NHWC" else last.flatten(2).transpose(1, 2)
    if not isinstance(last, Tensor) or last.ndim != 3 or last.shape[2] != channels:
        shape = tuple(last.shape) if isinstance(last, Tensor) else f"a {type(last).__name__}"
        raise ValueError(
            f"this backbone has no single map of features ({shape} is no (N, C, H, W) or (N, T, C) with C = "
            f"{channels}): heads that need one, such as MLDecoder, can't be used with it"
        )
    return last

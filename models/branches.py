"""Backbones side by side in one model, each with the mean and deviation that its weights want."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from models.backbone import create_backbone
from models.classifier import Normalise

# The model as a whole only turns bytes into [0, 1]; each branch normalises by itself.
NO_MEAN, NO_STD = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


class _Branch(nn.Sequential):
    """Normalise and a timm backbone; can be run in two parts as the backbone can."""

    def __init__(self, normalise: Normalise, backbone: Any) -> None:
        super().__init__(normalise, backbone)
        self.num_features = int(backbone.num_features)
        self.output_fmt = getattr(backbone, "output_fmt", "NCHW")

    def forward_features(self, images: Tensor) -> Any:
        backbone: Any = self[1]
        return backbone.forward_features(self[0](images))

    def forward_head(self, last: Tensor) -> Any:
        backbone: Any = self[1]
        return backbone.forward_head(last)


def create_branches(
    names: Iterable[str],
    image_size: tuple[int, int],
    pretrained: bool | Path,
    *,
    fresh: bool,
    drop_path: float,
    gradient_checkpointing: bool,
) -> Iterator[tuple[nn.Module, int]]:
    """Yield a branch for each backbone, images (N, 3, H, W) in [0, 1] to features (N, F), and its F.

    Raises:
        ValueError: ``pretrained`` is a file.
        ConfigError: a backbone can't be had.
    """
    if isinstance(pretrained, Path):
        raise ValueError(
            f"pretrained = {pretrained}: one file can't hold the weights of several backbones; write yes "
            "(each from the hub) or no"
        )
    for name in names:
        backbone = create_backbone(
            name,
            image_size,
            pretrained and fresh,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
        yield _Branch(Normalise(backbone.mean, backbone.std), backbone.module), backbone.features

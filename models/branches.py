"""Backbones side by side in one model, each with the mean and deviation that its weights want."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from models.backbone import create_backbone
from models.normalise import Normalise
from models.pretrained import load_file_into
from utils.convert import as_text

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
    names: Sequence[str],
    image_size: tuple[int, int],
    pretrained: Sequence[bool | Path],
    *,
    fresh: bool,
    drop_path: float,
    gradient_checkpointing: bool,
) -> Iterator[tuple[nn.Module, int]]:
    """Yield a branch for each backbone, images (N, 3, H, W) in [0, 1] to features (N, F), and its F.

    Args:
        pretrained: of each backbone, or of all: ``load_whole`` loads one file of several.

    Raises:
        ValueError: there are more or fewer weights than backbones.
        ConfigError: a backbone can't be had.
    """
    for name, weights in zip(names, _each(names, pretrained), strict=True):
        backbone = create_backbone(
            name,
            image_size,
            weights if fresh else False,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )
        yield _Branch(Normalise(backbone.mean, backbone.std), backbone.module), backbone.features


def _each(names: Sequence[str], pretrained: Sequence[bool | Path]) -> Sequence[bool | Path]:
    """Return what each backbone's weights are; those of a file with all of them follow later."""
    if len(pretrained) == len(names):
        return pretrained
    if len(pretrained) != 1:
        raise ValueError(
            f"pretrained = {as_text(tuple(pretrained))}: these are {len(pretrained)} for {len(names)} "
            "backbones; write yes, no or a path for each, with commas between them in the order of "
            "backbones, or one for all"
        )
    return [False if isinstance(pretrained[0], Path) else pretrained[0]] * len(names)


def load_whole(joined: nn.Module, names: Sequence[str], pretrained: Sequence[bool | Path]) -> None:
    """Load all branches from one file, where there is one for several backbones: from a run of such a model.

    Raises:
        ConfigError: the file has not all of these branches.
    """
    if len(pretrained) == 1 < len(names) and isinstance(pretrained[0], Path):
        paths = ", ".join(f"PATH{number}" for number in range(1, len(names) + 1))
        advice = (
            " One file for several backbones has to be a checkpoint of Podium's with these same backbones; "
            f"otherwise write a path for each: pretrained = {paths}"
        )
        load_file_into(joined, pretrained[0], f"{len(names)} backbones", advice=advice)

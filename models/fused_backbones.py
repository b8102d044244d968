"""Several backbones whose features every head sees."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn

from models.base import MODELS, Classifier
from models.branches import NO_MEAN, NO_STD, create_branches, load_whole
from models.normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise
from utils.convert import DropRate, Interval


class _Fused(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to the features of all branches, one after another (N, sum of F)."""

    def __init__(self, branches: Iterable[nn.Module]) -> None:

        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([branch(images) for branch in self.branches], dim=1)


@MODELS.register
class FusedBackbones(Classifier):
    """Backbones side by side, their features joined before the heads.

    Args:
        backbones: timm's names with a comma between them.
        heads: K of each label space.
        image_size: height and width in pixels, the same for all.
        fresh: False when a checkpoint's weights follow, so that none are loaded here.
        conv_branch: channels of a further branch of one 3x3 convolution, ReLU and the mean over the image;
            0 for none.
        pretrained: true (from the hub), false (random) or the path of a file of weights, for all or, with
            commas between them, for each.
        dropout: probability before the heads.
        drop_path: probability of skipping a residual block.
        gradient_checkpointing: less memory for a slower step, with the same gradients.
    """

    def __init__(
        self,
        *,
        backbones: tuple[str, ...],
        heads: Mapping[str, int],
        image_size: tuple[int, int],
        fresh: bool = True,
        conv_branch: Annotated[int, Interval(0, 65_536)] = 0,
        pretrained: tuple[bool | Path, ...] = (False,),
        dropout: DropRate = 0.0,
        drop_path: DropRate = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        branches = create_branches(
            backbones,
            image_size,
            pretrained,
            fresh=fresh,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )

        parts = [*branches, *([(_conv_branch(conv_branch), conv_branch)] if conv_branch else [])]
        if len(parts) < 2:
            raise ValueError("backbones: there is nothing to fuse; name at least two, or use TimmModel")

        modules, widths = zip(*parts, strict=True)
        fused = _Fused(modules)

        if fresh:
            load_whole(fused, backbones, pretrained)

        super().__init__(fused, sum(widths), heads, mean=NO_MEAN, std=NO_STD, dropout=dropout)


def _conv_branch(channels: int) -> nn.Module:
    """Return images (N, 3, H, W) in [0, 1] to (N, channels)."""
    return nn.Sequential(
        Normalise(IMAGENET_MEAN, IMAGENET_STD),
        nn.Conv2d(3, channels, 3),
        nn.ReLU(inplace=True),  # without it the mean over the image would be one of its mean colour
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )

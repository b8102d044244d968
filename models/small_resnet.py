"""A small residual net for training from scratch without a GPU.

Plain 3x3 convolutions reach several times the arithmetic rate of depthwise ones on a CPU, and most of a
small net's time goes into its first layers, so the image is folded before the first convolution.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from models.base import MODELS, Classifier
from models.feature_map import PooledNet
from models.pretrained import load_own
from utils.convert import DropRate, Few, Width


def _conv(before: int, after: int, size: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., 2015); the shortcut averages when it shrinks."""

    def __init__(self, before: int, after: int, stride: int, drop_path: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(before, after, 3, stride), nn.ReLU(inplace=True), _conv(after, after, 3)
        )
        last_norm = self.body[2][1]  # type: ignore[index]
        nn.init.zeros_(last_norm.weight)  # each block begins as its shortcut (Goyal et al., 2017)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), _conv(before, after, 1))
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        change = self.body(x)
        if self.training and self.drop_path:
            keep = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop_path
            change = change * keep / (1 - self.drop_path)
        out: Tensor = self.activation(self.shortcut(x) + change)
        return out


@MODELS.register
class SmallResNet(Classifier):
    """2.8 million weights as it is; 80 x 80 pixels suit it.

    Image height and width must be even.

    Args:
        widths: channels of each stage; every stage but the first halves height and width.
        blocks: residual blocks in each stage.
        dropout: probability before the heads.
        drop_path: probability of skipping the last block in training; earlier ones proportionally less.
        pretrained: no, or a finished run of this net, or the path of a file of its weights.
    """

    def __init__(
        self,
        *,
        heads: Mapping[str, int],
        image_size: tuple[int, int],
        fresh: bool = True,
        widths: tuple[Width, ...] = (32, 64, 128, 256),
        blocks: tuple[Few, ...] = (2, 2, 2, 2),
        dropout: DropRate = 0.1,
        drop_path: DropRate = 0.0,
        pretrained: bool | Path = False,
    ) -> None:
        if len(widths) != len(blocks) or not widths or widths[0] < 2:
            raise ValueError(
                f"widths {widths} and blocks {blocks} must be equally many, and the first width at least 2"
            )

        first = widths[0]
        layers: list[nn.Module] = [
            nn.PixelUnshuffle(2),  # (3, H, W) to (12, H/2, W/2)
            _conv(12, first // 2, 3),
            nn.ReLU(inplace=True),
            _conv(first // 2, first, 3, stride=2),
            nn.ReLU(inplace=True),
        ]

        total, done, before = sum(blocks), 0, first
        for stage, (width, depth) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(_Block(before, width, stride, drop_path * done / max(1, total - 1)))
                before, done = width, done + 1

        backbone = PooledNet(*layers, num_features=before)
        load_own(backbone, pretrained, type(self).__name__, fresh=fresh)
        super().__init__(backbone, before, heads, dropout=dropout)

"""A small convolutional net that learns in a minute on a CPU: for the demo and the tests."""

import itertools
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from models.base import MODELS, Classifier
from models.feature_map import PooledNet
from models.pretrained import load_own
from utils.convert import DropRate, Width


@MODELS.register
class TinyNet(Classifier):
    """Four 3x3 convolutions, each halving the image, then the mean over the image.

    Args:
        width: channels of the first convolution; each next one has twice as many.
        dropout: probability before the heads.
        pretrained: no, or a finished run of this net, or the path of a file of its weights.
    """

    def __init__(
        self,
        *,
        heads: Mapping[str, int],
        image_size: tuple[int, int],
        fresh: bool = True,
        width: Width = 16,
        dropout: DropRate = 0.0,
        pretrained: bool | Path = False,
    ) -> None:
        channels = [3, *(width * 2**i for i in range(4))]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        backbone = PooledNet(*layers, num_features=channels[-1])
        load_own(backbone, pretrained, type(self).__name__, fresh=fresh)
        super().__init__(backbone, channels[-1], heads, dropout=dropout)

"""Two linear layers."""

from torch import nn

from models.heads.base import HEADS, Head
from utils.convert import DropRate, Width


@HEADS.register
class Shallow(nn.Sequential, Head):
    """Two fully connected layers with batch norm and ReLU between them.

    A team of the mask competition scored best with this head on a Swin-B and called it "shallow". In
    training it needs at least two images in a batch: the norm of a single one is the same for any image.

    Args:
        hidden: width between the layers.
        dropout: probability that one of the hidden values is dropped in training.
        norm: whether there is a batch norm between the layers.
    """

    def __init__(
        self,
        *,
        features: int,
        labels: int,
        hidden: Width = 512,
        dropout: DropRate = 0.0,
        norm: bool = True,
    ) -> None:
        super().__init__(
            nn.Linear(features, hidden, bias=not norm),  # a norm has a bias
            nn.BatchNorm1d(hidden) if norm else nn.Identity(),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, labels),
        )
        self.smallest_batch = 2 if norm else 1

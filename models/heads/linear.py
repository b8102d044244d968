"""One linear layer."""

from torch import nn

from models.heads.base import HEADS, Head


@HEADS.register
class Linear(nn.Linear, Head):
    """One fully connected layer: what every published classifier ends in."""

    def __init__(self, *, features: int, labels: int) -> None:
        super().__init__(features, labels)

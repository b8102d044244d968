"""Cosines between an image's features and a direction for each label."""

import torch.nn.functional as F
from torch import Tensor, nn

from models.heads.base import HEADS, Head
from utils.convert import Factor
from utils.device import without_autocast

_SHORTEST = 1e-6  # length below which features have no direction; keeps the gradient at 0 finite


@HEADS.register
class Cosine(nn.Linear, Head):
    """scale * cosine of the angle between the features and the weights of each label.

    ArcFace trains it with a margin; other losses work too, since softmax of the logits means the same. It
    is computed in float32: in half precision the angles near 0, which a margin is about, are all alike.

    Sources: Wang et al., 2018, https://arxiv.org/abs/1801.09414, equation 3 (``scale`` is its s); Deng et
    al., 2019, https://arxiv.org/abs/1801.07698.

    Args:
        scale: the largest logit. Of K labels the right one can't get a probability above
            1 / (1 + (K - 1) exp(-2 scale)), so few labels do with less than the 64 of face recognition.
    """

    scale: float

    def __init__(self, *, features: int, labels: int, scale: Factor = 30.0) -> None:
        super().__init__(features, labels, bias=False)
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        with without_autocast(features.device):
            directions = F.normalize(features.float(), dim=1, eps=_SHORTEST)
            return self.scale * F.linear(directions, F.normalize(self.weight.float(), dim=1, eps=_SHORTEST))

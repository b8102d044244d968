"""Sigmoid cross-entropy of each label by itself."""

import torch.nn.functional as F
from torch import Tensor

from loss.base import LOSSES, Loss
from utils.convert import Fraction, Positive


@LOSSES.register
class BinaryCrossEntropy(Loss):
    """-(positive_weight * t * log p + (1 - t) * log(1 - p)) with p = sigmoid(logits), in nats.

    The mean over images and labels, as torch's: papers that sum over N images and K labels have N * K
    times this loss.

    Args:
        smoothing: in [0, 1]; t = (1 - smoothing) * target + smoothing / 2, each label being a choice of
            two (Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, section 7).
        positive_weight: how many missing labels a present one counts as; above 1 finds more of them.
    """

    accepts = frozenset({"any_of"})

    def __init__(self, *, smoothing: Fraction = 0.0, positive_weight: Positive = 1.0) -> None:
        super().__init__()
        self.smoothing, self.positive_weight = smoothing, positive_weight

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        t = (1 - self.smoothing) * targets + self.smoothing / 2
        present = self.positive_weight * t * F.logsigmoid(logits)
        missing = (1 - t) * F.logsigmoid(-logits)
        return -(present + missing).mean()

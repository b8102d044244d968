"""Focal loss against softened labels."""

from torch import Tensor

from loss.base import LOSSES, Loss, weighted_mean
from utils.convert import Exponent, Fraction


@LOSSES.register
class FocalLabelSmoothing(Loss):
    """(1 - exp(-L))^gamma * L of each image, where L is its LabelSmoothing loss in nats.

    Smoothing as in LabelSmoothing: (1 - smoothing) * target + smoothing / K, over all K labels. For one
    right label and smoothing = 0 exp(-L) is its probability and this is Focal; with gamma = 0 it is
    LabelSmoothing. Since it rises with L, the best answer is the smoothed target itself. That is not so
    in repositories that focus each label by itself, or the right one only: of two labels the wrong
    one's share then outweighs the right one's, and an undecided answer costs less than a right one.

    Sources: Lin et al., 2017, https://arxiv.org/abs/1708.02002, equation 4; Szegedy et al., 2015,
    https://arxiv.org/abs/1512.00567, section 7. A team found this pair, with these defaults, best on the
    mask competition.

    Args:
        gamma: how much less an image counts when it is nearly right.
        smoothing: share of the target that is spread over all labels, in [0, 1].
    """

    def __init__(self, *, gamma: Exponent = 2.0, smoothing: Fraction = 0.2) -> None:
        super().__init__()
        self.gamma, self.smoothing = gamma, smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        smoothed = targets.lerp(targets.mean(dim=1, keepdim=True), self.smoothing)  # rows keep their sum
        cost = -(smoothed * logits.log_softmax(dim=1)).sum(dim=1)  # L times the row's weight
        of_one = cost / targets.sum(dim=1).clamp(min=1e-12)
        focus = (-(-of_one).expm1()).clamp(min=1e-12) ** self.gamma  # bounded as in Focal
        return weighted_mean(focus * cost, targets)

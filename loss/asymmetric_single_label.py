"""Asymmetric loss for one right label: focused label smoothing."""

from torch import Tensor

from loss.base import LOSSES, Loss, weighted_mean
from utils.convert import Exponent, Fraction


@LOSSES.register
class AsymmetricLossSingleLabel(Loss):
    """-sum over k of s_k * f_k * log p_k with p = softmax(logits), in nats.

    For the right label s = 1 - smoothing + smoothing / K and f = (1 - p)^gamma_pos, for each other one
    s = smoothing / K and f = p^gamma_neg, so that it pays only while the model believes in it. Soft
    targets cost the mix of the costs of each label. The mean over the labelled images, as its source.

    Source: the code published with Ridnik et al., 2020, https://arxiv.org/abs/2009.14119.

    Args:
        gamma_neg: how much less a wrong label counts when it is nearly ruled out.
        gamma_pos: how much less the right label counts when it is nearly sure; 0 as in LabelSmoothing.
        smoothing: share of the target that is spread over all labels, in [0, 1]; 0 with ``gamma_pos`` 0 is
            plain cross-entropy.
    """

    def __init__(
        self, *, gamma_neg: Exponent = 4.0, gamma_pos: Exponent = 0.0, smoothing: Fraction = 0.1
    ) -> None:
        super().__init__()
        self.gamma_neg, self.gamma_pos, self.smoothing = gamma_neg, gamma_pos, smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.log_softmax(dim=1)
        share = self.smoothing / logits.shape[1]
        # As in Focal: 1 - p without rounding, bounded because of roots. A power of p needs no bound.
        right = (1 - self.smoothing + share) * (-log_p.expm1()).clamp(min=1e-12) ** self.gamma_pos
        wrong = share * (self.gamma_neg * log_p).exp()
        others = targets.sum(dim=1, keepdim=True) - targets
        return weighted_mean(-((targets * right + others * wrong) * log_p).sum(dim=1), targets)

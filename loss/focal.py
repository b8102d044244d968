"""Cross-entropy that cares less for what is already right."""

from torch import Tensor

from loss.base import LOSSES, Loss, weighted_mean
from utils.convert import Exponent


@LOSSES.register
class Focal(Loss):
    """-sum over k of target_k * (1 - p_k)^gamma * log p_k with p = softmax(logits), in nats.

    For one right label this is the source's equation 4; for soft targets each label's share is focused
    by its own probability. Balance classes by ``class_weights``, which are the source's alpha.

    Source: Lin et al., 2017, https://arxiv.org/abs/1708.02002.

    Args:
        gamma: how much less an image counts when it is nearly right; 0 is plain cross-entropy.
    """

    def __init__(self, *, gamma: Exponent = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.log_softmax(dim=1)
        # 1 - p without rounding a small one to 0; the bound keeps the gradient of a root (gamma < 1) finite.
        focus = (-log_p.expm1()).clamp(min=1e-12) ** self.gamma
        return weighted_mean(-(targets * focus * log_p).sum(dim=1), targets)

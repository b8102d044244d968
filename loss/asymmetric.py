"""Binary cross-entropy that cares less for the many labels that are missing."""

import math

import torch.nn.functional as F
from torch import Tensor

from loss.base import LOSSES, Loss
from utils.convert import Exponent, Fraction


@LOSSES.register
class AsymmetricLoss(Loss):
    """-(t * (1 - p)^gamma_pos * log p + (1 - t) * q^gamma_neg * log(1 - q)), in nats.

    Here p = sigmoid(logits) and q = max(p - clip, 0): a missing label that is less likely than ``clip``
    costs nothing. It is linear in the targets, so a mixed image costs the mix of the costs.

    The mean over images and labels: the source sums over N images and K labels, so its loss is N * K
    times this one and its learning rate for SGD that much lower; Adam's hardly changes.

    Source: Ridnik et al., 2020, https://arxiv.org/abs/2009.14119, section 2; the defaults are those of
    its published code.

    Args:
        gamma_neg: how much less a missing label counts when it is nearly right; at least ``gamma_pos``
            as a rule. With both 0 and ``clip`` 0 this is BinaryCrossEntropy.
        gamma_pos: how much less a present label counts when it is nearly right.
        clip: in [0, 1], the probability up to which a missing label is right.
        focal_gradient: whether the powers of p and q take part in the gradient, or only weigh it.
    """

    accepts = frozenset({"any_of"})

    def __init__(
        self,
        *,
        gamma_neg: Exponent = 4.0,
        gamma_pos: Exponent = 0.0,
        clip: Fraction = 0.05,
        focal_gradient: bool = False,
    ) -> None:
        super().__init__()
        self.gamma_neg, self.gamma_pos = gamma_neg, gamma_pos
        self.clip, self.focal_gradient = clip, focal_gradient
        self._log_clip = math.log(clip) if clip else -math.inf

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        # log(1 - q) = min(log(1 - p + clip), 0), without rounding a small 1 - p to 0.
        log_not_q = F.logsigmoid(-logits).logaddexp(logits.new_full((), self._log_clip)).clamp(max=0)
        present = targets * self._focus((-logits).sigmoid(), self.gamma_pos) * F.logsigmoid(logits)
        missing = (1 - targets) * self._focus(logits.sigmoid() - self.clip, self.gamma_neg) * log_not_q
        return -(present + missing).mean()

    def _focus(self, wrong: Tensor, gamma: float) -> Tensor:
        """Return ``wrong`` ** ``gamma``; the bound keeps the gradient of a root (gamma < 1) finite."""
        focus = wrong.clamp(min=1e-12) ** gamma
        return focus if self.focal_gradient else focus.detach()

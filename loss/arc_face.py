"""An angular margin between the labels."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from loss.base import LOSSES, Loss, weighted_mean
from utils.convert import Interval

Margin = Annotated[float, Interval(0, math.pi / 2)]


@LOSSES.register
class ArcFace(Loss):
    """Cross-entropy after the right label's angle has been made ``margin`` larger, in nats.

    With s the head's scale and t_k the angle between the features and label k, the right label k costs
    -log(exp(s cos(t_k + margin)) / (exp(s cos(t_k + margin)) + sum over j != k of exp(s cos t_j))). For
    soft targets each label's cost counts by its share, so that mixed images cost what their parts do.
    Where t_k + margin is above pi, the cosine would rise again: there it is cos t_k - margin sin(margin), as
    in the authors' published code, which falls with the angle too.

    Needs a head whose logits are cosines: ``[head] name = Cosine``. Validation has the margin as well,
    so its loss compares with that of training, not with another loss's.

    Source: Deng et al., 2019, https://arxiv.org/abs/1801.07698, equation 3.

    Args:
        space: the label space, for messages.
        scale: s, which the head has; None for a head whose logits are no cosines.
        margin: in radians, in [0, pi / 2]; 0 is plain cross-entropy.
    """

    def __init__(self, *, space: str = "SPACE", scale: float | None = None, margin: Margin = 0.5) -> None:
        super().__init__()
        if scale is None:
            raise ValueError(
                "its margin is an angle, so it needs a head whose logits are cosines: set "
                f"[head.{space}] name = Cosine, or [head] name = Cosine for all label spaces"
            )
        self.scale, self.margin = scale, margin

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        right = self.scale * self._widened(logits / self.scale)
        cost = F.softplus(_logsumexp_of_others(logits) - right)  # of each label, if it is the right one
        return weighted_mean((targets * cost).sum(dim=1), targets)

    def _widened(self, cosine: Tensor) -> Tensor:
        """Return cos(t + margin) from cos t, without an angle: the gradient of acos has no bound at 1."""
        # The bound keeps the root's gradient finite at cos t = 1 and -1, and for 1 + a rounding error.
        sine = ((1 - cosine) * (1 + cosine)).clamp(min=1e-12).sqrt()
        wider = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = cosine - self.margin * math.sin(self.margin)
        return torch.where(cosine > -math.cos(self.margin), wider, beyond)


def _logsumexp_of_others(logits: Tensor) -> Tensor:
    """Return log(sum over j != k of exp(logits_j)) for each k, (N, K), from two sums instead of K.

    A label of probability p leaves 1 - p to the others. Only the likeliest can have a p near 1, of which
    no digits would remain: its others are summed by themselves.
    """
    likeliest = logits.argmax(dim=1, keepdim=True)
    p = logits.softmax(dim=1).scatter(1, likeliest, 0.0)
    others = logits.logsumexp(dim=1, keepdim=True) + (-p).log1p()
    of_likeliest = logits.scatter(1, likeliest, -math.inf).logsumexp(dim=1, keepdim=True)
    return others.scatter(1, likeliest, of_likeliest)

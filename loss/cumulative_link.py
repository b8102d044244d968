"""One score for each image, and thresholds between the grades."""

from typing import Literal

from torch import Tensor

from loss.base import LOSSES, Loss, weighted_mean


@LOSSES.register
class CumulativeLink(Loss):
    """Proportional odds: logit P(y <= k) = threshold_k - score, with K - 1 thresholds that rise.

    The head gives one score, which moves an image along all grades; the thresholds are learnt beside it and
    can't change their order (McCullagh, 1980, "Regression Models for Ordinal Data", section 2).

    Args:
        cost: ``likelihood``: -log P(y), in nats, as McCullagh's. ``questions``: the sum of the binary
            cross-entropies of the K - 1 questions "is it above grade k", as CORAL's with equal weights
            (Cao, Mirjalili and Raschka, 2020, https://arxiv.org/abs/1901.07884, equation 4): a grade that is
            far off costs more. Both are linear in the targets, so that mixed and softened grades cost the
            mix of what their parts do.
    """

    link = "cumulative"

    def __init__(self, *, cost: Literal["likelihood", "questions"] = "likelihood") -> None:
        super().__init__()
        self.cost = cost

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.log_softmax(dim=1)
        if self.cost == "likelihood":
            return weighted_mean(-(targets * log_p).sum(dim=1), targets)

        # Question k: the part of an image up to grade k, and the part above it; (N, K - 1) of each.
        upto, above = targets.cumsum(dim=1)[:, :-1], targets.flip(1).cumsum(dim=1).flip(1)[:, 1:]
        log_upto = log_p.logcumsumexp(dim=1)[:, :-1]
        log_above = log_p.flip(1).logcumsumexp(dim=1).flip(1)[:, 1:]
        return weighted_mean(-(upto * log_upto + above * log_above).sum(dim=1), targets)

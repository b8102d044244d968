"""A loss that ranks present labels above 0 and missing ones below it."""

import torch.nn.functional as F
from torch import Tensor

from loss.base import LOSSES, Loss


@LOSSES.register
class ZLPR(Loss):
    """log(1 + sum of t_k exp(-x_k)) + log(1 + sum of (1 - t_k) exp(x_k)) over the labels k, in nats.

    x are the logits and t the targets: "zero-bounded log-sum-exp & pairwise rank-based". Instead of
    each label by itself it compares every present one with every missing one and both with 0, so the
    cost grows with the logarithm of K only. With one label it is binary cross-entropy for a t of 0 or 1.

    The mean over images: a sum over the batch as in the source is N times this loss.

    Source: Su et al., 2022, https://arxiv.org/abs/2208.02955, in its version for soft targets.
    """

    accepts = frozenset({"any_of"})

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        present = F.pad(targets.log() - logits, (0, 1))  # a 0 beside the K exponents: exp(0) = 1
        missing = F.pad((1 - targets).log() + logits, (0, 1))
        return (present.logsumexp(dim=1) + missing.logsumexp(dim=1)).mean()

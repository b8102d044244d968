"""Softmax cross-entropy."""

from torch import Tensor

from loss.base import LOSSES, Loss, weighted_mean


@LOSSES.register
class CrossEntropy(Loss):
    """-sum over k of target_k * log softmax(logits)_k, in nats."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        per_image = -(targets * logits.log_softmax(dim=1)).sum(dim=1)
        return weighted_mean(per_image, targets)

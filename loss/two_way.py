"""A loss that separates present from missing labels in each image, and images in each label."""

import torch.nn.functional as F
from torch import Tensor

from loss.base import LOSSES, Loss
from utils.convert import Factor

_NEVER = -1e30  # log(0) whose sums and gradients stay finite


@LOSSES.register
class TwoWayLoss(Loss):
    """softplus(P log sum of t_k exp(-x_k / P) + Q log sum of (1 - t_k) exp(x_k / Q)), two ways.

    x are the logits, t the targets, P and Q the temperatures: the smallest logit of a present label
    against the largest of a missing one, smoothly. The sums run over the labels of an image, whose mean
    is over the images with a present label, and over the images of a label in the batch, whose mean is
    over the labels that occur there; both means are added, as in the source. An image without any label
    costs by the second way only. Targets between 0 and 1 are ours: such a label counts on both sides.

    Like F1 it needs several images of each label in a batch, which ``accumulate`` does not give. Logits
    are compared with each other, never with 0: a probability is no more than a rank, so a threshold has
    to be chosen on validation images. ``Sum`` with ``parts = TwoWayLoss:1, ZLPR:1`` keeps 0 as one.

    Source: Kobayashi, 2023, "Two-way Multi-Label Loss", CVPR.

    Args:
        positive_temperature: P; the larger, the more the easy present labels count too.
        negative_temperature: Q; the same for missing labels.
    """

    accepts = frozenset({"any_of"})

    def __init__(self, *, positive_temperature: Factor = 4.0, negative_temperature: Factor = 1.0) -> None:
        super().__init__()
        self.positive_temperature = positive_temperature
        self.negative_temperature = negative_temperature

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return self._one_way(logits, targets, dim=1) + self._one_way(logits, targets, dim=0)

    def _one_way(self, logits: Tensor, targets: Tensor, dim: int) -> Tensor:
        """Return the mean, over rows (dim 1) or columns (dim 0) with a present label; 0 without one."""
        hot, cold = self.positive_temperature, self.negative_temperature
        present = hot * (targets.log().clamp(min=_NEVER) - logits / hot).logsumexp(dim=dim)
        missing = cold * ((1 - targets).log().clamp(min=_NEVER) + logits / cold).logsumexp(dim=dim)
        occurs = (targets > 0).any(dim=dim).sum()
        return F.softplus(present + missing).sum() / occurs.clamp(min=1)

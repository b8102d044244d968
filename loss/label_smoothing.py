"""Cross-entropy against softened labels."""

from torch import Tensor

from loss.base import LOSSES, Loss, weighted_mean
from utils.convert import Fraction


@LOSSES.register
class LabelSmoothing(Loss):
    """Cross-entropy with targets (1 - smoothing) * target + smoothing / K.

    The uniform share goes over all K labels, as in torch and in the source; some repositories divide
    by K - 1 instead, which is this with a slightly larger ``smoothing``.

    Source: Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, section 7.

    Args:
        smoothing: share of the target that is spread over all labels, in [0, 1]; 0 is plain cross-entropy.
    """

    def __init__(self, *, smoothing: Fraction = 0.1) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.log_softmax(dim=1)
        right = -(targets * log_p).sum(dim=1)
        uniform = -log_p.mean(dim=1) * targets.sum(dim=1)
        per_image = (1 - self.smoothing) * right + self.smoothing * uniform
        return weighted_mean(per_image, targets)

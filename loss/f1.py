"""The score of the leaderboard as a loss."""

from torch import Tensor

from loss.base import LOSSES, Loss


@LOSSES.register
class F1(Loss):
    """1 - macro-F1 of the batch, counted in probabilities instead of decisions; in [0, 1].

    With p = softmax(logits), targets t and a row's weight w (its sum), label k counts
    TP = sum of t_k p_k, FP = sum of (w - t_k) p_k and FN = sum of t_k (1 - p_k) over the images, and
    F1_k = 2 TP / (2 TP + FP + FN). The mean is over the labels that occur in the batch: one that does
    not has an F1 of 0 whatever the model says, and would only add a constant.

    It needs large batches (several images of each label), or cross-entropy beside it: Sum with
    ``parts = F1:0.4, Focal:0.6``. ``accumulate`` does not help, since the F1 of many images is not the
    mean of the F1 of a few. Soft targets never reach 0. PerHeadLoss hands over float32 logits, so
    nothing is counted in half precision.

    Source: Bénédict et al., 2021, https://arxiv.org/abs/2108.10566 (section 3), with softmax for its
    sigmoid.
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        p = logits.softmax(dim=1)
        occurs = targets.sum(dim=0)  # TP + FN, (K)
        predicted = (targets.sum(dim=1, keepdim=True) * p).sum(dim=0)  # TP + FP
        f1 = 2 * (targets * p).sum(dim=0) / (occurs + predicted).clamp(min=1e-12)
        present = (occurs > 0).to(f1.dtype)
        return ((1 - f1) * present).sum() / present.sum().clamp(min=1)

"""Conditional questions about grades: is it above this one, given that it is at least this one."""

from torch import Tensor

from loss.base import LOSSES, Loss


@LOSSES.register
class CORN(Loss):
    """The mean binary cross-entropy of K - 1 conditional questions over the images that each is about.

    The head answers f_k = logit P(y > k | y >= k) for each grade k but the highest, and the chain rule makes
    the probabilities: P(y = k) = (1 - sigmoid(f_k)) prod over j < k of sigmoid(f_j). Question k is about the
    images S_k whose grade is at least k:

        -1 / sum_k |S_k| * sum over k and i in S_k of log sigmoid(f_k) if y_i > k, else log(1 - sigmoid(f_k))

    Of one image the inner sum is -log P(y = y_i), and so it is computed here: from class probabilities. It is
    linear in the targets, so that mixed and softened grades cost the mix of what their parts do, and a part
    t_k of an image counts in as many questions as grade k does.

    Source: Shi, Cao and Raschka, 2021, https://arxiv.org/abs/2111.08851, equations 5 and 7.
    """

    link = "conditional"

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        cost = -(targets * logits.log_softmax(dim=1)).sum()
        at_least = targets.flip(1).cumsum(dim=1).flip(1)  # (N, K): the part of each image in S_k
        return cost / at_least[:, :-1].sum().clamp(min=1e-12)

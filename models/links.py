"""What a head answers about grades, and how that becomes a logit for each grade.

Whatever stands behind a head sees logits (N, K) whose softmax are the probabilities of K grades, as of any
label space: nothing else has to know how a head is asked. What is learnt here is kept with the weights.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pad, softplus

_NARROWEST = 1e-3  # that two thresholds are apart, in logits: no grade's probability is 0


class Link(nn.Module):
    """Turns a head's outputs (N, ``width``) into log-probabilities (N, K).

    Args:
        labels: K, at least 2.
    """

    width: int

    def forward(self, outputs: Tensor) -> Tensor:
        raise NotImplementedError


class Conditional(Link):
    """K - 1 outputs f_k = logit P(y > k | y >= k), joined by the chain rule.

    log P(y = k) = log sigmoid(-f_k) + sum over j < k of log sigmoid(f_j), and of the highest grade the sum
    alone. Source: Shi, Cao and Raschka, 2021, https://arxiv.org/abs/2111.08851, equation 4.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.width = labels - 1

    def forward(self, outputs: Tensor) -> Tensor:
        reached = logsigmoid(outputs).cumsum(dim=1)  # log P(y > k)
        return pad(reached, (1, 0)) + pad(logsigmoid(-outputs), (0, 1))


class Cumulative(Link):
    """One output, the score s, and K - 1 thresholds that rise: P(y <= k) = sigmoid(threshold_k - s).

    Learnt are the first threshold and, behind a softplus, how far each other one is above the one before, so
    that no step and no mean of weights can change their order. In the beginning all grades are as likely.
    Source: McCullagh, 1980, "Regression Models for Ordinal Data", equation 2.4.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.width = 1
        thresholds = (torch.arange(1, labels) / labels).logit()
        gaps = (thresholds.diff() - _NARROWEST).expm1().log()  # of which softplus makes the gaps again
        self.first, self.gaps = nn.Parameter(thresholds[:1]), nn.Parameter(gaps)

    @property
    def thresholds(self) -> Tensor:
        """The thresholds (K - 1), the lowest first."""
        return torch.cat([self.first, self._apart]).cumsum(dim=0)

    @property
    def _apart(self) -> Tensor:
        return softplus(self.gaps) + _NARROWEST

    def forward(self, outputs: Tensor) -> Tensor:
        below = self.thresholds - outputs  # logit P(y <= k), (N, K - 1)

        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), of which no digit is lost.
        middle = logsigmoid(below[:, 1:]) + logsigmoid(-below[:, :-1]) + (-(-self._apart).expm1()).log()
        return torch.cat([logsigmoid(below[:, :1]), middle, logsigmoid(-below[:, -1:])], dim=1)


LINKS: dict[str, type[Link]] = {"conditional": Conditional, "cumulative": Cumulative}

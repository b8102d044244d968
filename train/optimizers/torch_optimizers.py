"""torch's own optimisers, the fused kernels where there are any."""

import torch

from train.optimizer import OPTIMIZERS, Groups
from utils.convert import Fraction, NonNegative, Positive

Betas = tuple[Fraction, Fraction]


@OPTIMIZERS.register
class SGD(torch.optim.SGD):
    """Stochastic gradient descent with momentum."""

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Positive = 0.01,
        momentum: Fraction = 0.9,
        weight_decay: NonNegative = 5e-4,
        nesterov: bool = True,
    ) -> None:
        nesterov = nesterov and momentum > 0
        super().__init__(groups, lr, momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True)


@OPTIMIZERS.register
class Adam(torch.optim.Adam):
    """Adam; its weight decay is L2 (added to the gradient)."""

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Positive = 1e-3,
        betas: Betas = (0.9, 0.999),
        weight_decay: NonNegative = 0.0,
    ) -> None:
        super().__init__(groups, lr, betas, weight_decay=weight_decay, fused=True)


@OPTIMIZERS.register
class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay."""

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Positive = 1e-3,
        betas: Betas = (0.9, 0.999),
        weight_decay: NonNegative = 0.01,
    ) -> None:
        super().__init__(groups, lr, betas, weight_decay=weight_decay, fused=True)


@OPTIMIZERS.register
class NAdam(torch.optim.NAdam):
    """Adam with Nesterov momentum; its weight decay is decoupled."""

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Positive = 2e-3,
        betas: Betas = (0.9, 0.999),
        weight_decay: NonNegative = 0.01,
    ) -> None:
        super().__init__(
            groups, lr, betas, weight_decay=weight_decay, decoupled_weight_decay=True, foreach=True
        )

"""torch's own optimisers, the fused kernels where there are any."""

from typing import Any

import torch

from train.optimizers.base import OPTIMIZERS, Groups
from utils.convert import Fraction, NonNegative, Rate

Betas = tuple[Fraction, Fraction]


@OPTIMIZERS.register
class SGD(torch.optim.SGD):
    """Stochastic gradient descent with momentum.

    Args:
        lr: the learning rate.
        momentum: how much of the last step goes on in the next one; 0 = nothing.
        weight_decay: share of a weight that is added to its gradient; not of norms and biases.
        nesterov: whether the gradient counts as if the last step had gone on already.
    """

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Rate = 0.01,
        momentum: Fraction = 0.9,
        weight_decay: NonNegative = 5e-4,
        nesterov: bool = True,
    ) -> None:
        nesterov = nesterov and momentum > 0
        super().__init__(groups, lr, momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True)

    def step(self, closure: Any = None) -> Any:
        """Make a step. The kernel takes all of a group's momenta or none, also where some just melted.

        A momentum of 0 becomes the gradient, which is what a first step is anyway.
        """
        for group in self.param_groups:
            for parameter in group["params"] if group["momentum"] else ():
                if parameter.grad is not None and "momentum_buffer" not in self.state[parameter]:
                    self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return super().step(closure)


@OPTIMIZERS.register
class Adam(torch.optim.Adam):
    """Adam; its weight decay is L2 (added to the gradient).

    Args:
        lr: the learning rate.
        betas: how much of their last values the means of gradients and of squared gradients keep at a step.
        weight_decay: share of a weight that is added to its gradient; not of norms and biases.
    """

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        weight_decay: NonNegative = 0.0,
    ) -> None:
        super().__init__(groups, lr, betas, weight_decay=weight_decay, fused=True)


@OPTIMIZERS.register
class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay.

    Args:
        lr: the learning rate.
        betas: how much of their last values the means of gradients and of squared gradients keep at a step.
        weight_decay: share of a weight, times the rate, that a step takes off it; not of norms and biases.
    """

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        weight_decay: NonNegative = 0.01,
    ) -> None:
        super().__init__(groups, lr, betas, weight_decay=weight_decay, fused=True)


@OPTIMIZERS.register
class NAdam(torch.optim.NAdam):
    """Adam with Nesterov momentum; its weight decay is decoupled.

    Args:
        lr: the learning rate.
        betas: how much of their last values the means of gradients and of squared gradients keep at a step.
        weight_decay: share of a weight, times the rate, that a step takes off it; not of norms and biases.
    """

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Rate = 2e-3,
        betas: Betas = (0.9, 0.999),
        weight_decay: NonNegative = 0.01,
    ) -> None:
        super().__init__(
            groups, lr, betas, weight_decay=weight_decay, decoupled_weight_decay=True, foreach=True
        )

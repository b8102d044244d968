"""Lion (Chen et al., 2023, https://arxiv.org/abs/2302.06675): every step moves each weight equally far."""

from collections.abc import Callable

import torch
from torch.optim import Optimizer

from train.optimizers.base import OPTIMIZERS, Groups
from utils.convert import Fraction, NonNegative, Rate


@OPTIMIZERS.register
class Lion(Optimizer):
    """The sign of a momentum, with decoupled weight decay: algorithm 2 of the source, half of Adam's memory.

    The source finds the best ``lr`` 3 to 10 times smaller than AdamW's and the best ``weight_decay`` as
    many times larger; the defaults are 10 times away from AdamW's.

    Args:
        lr: the learning rate.
        betas: how much of the momentum counts in a step's direction, and how much of it is kept.
        weight_decay: share of a weight, times the rate, that a step takes off it; not of norms and biases.
    """

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Rate = 1e-4,
        betas: tuple[Fraction, Fraction] = (0.9, 0.99),
        weight_decay: NonNegative = 0.1,
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient; there is no closure to call."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            for weight in weights:
                if not self.state[weight]:
                    self.state[weight]["exp_avg"] = torch.zeros_like(weight)
            gradients = [weight.grad for weight in weights]
            momenta = [self.state[weight]["exp_avg"] for weight in weights]
            rate, (for_step, for_momentum) = group["lr"], group["betas"]
            towards = torch._foreach_lerp(momenta, gradients, 1 - for_step)
            torch._foreach_sign_(towards)
            torch._foreach_mul_(weights, 1 - rate * group["weight_decay"])
            torch._foreach_add_(weights, towards, alpha=-rate)
            torch._foreach_lerp_(momenta, gradients, 1 - for_momentum)

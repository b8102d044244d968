"""Sharpness-aware minimisation: the gradient is taken at the worst weights nearby."""

from collections.abc import Callable

import torch
from torch import Tensor

from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from utils.convert import Positive
from utils.device import Precision

_ETA = 0.01  # Kwon et al.'s eta: lets weights of 0 move too


@CALLBACKS.register
class SAM(Callback):
    """Climbs to w + e, leaves the gradient of that place to the optimiser, and goes back to w exactly.

    e = rho * g / ||g|| (Foret et al., 2020, https://arxiv.org/abs/2010.01412, equation 2 and algorithm 1);
    adaptive: e = rho * T^2 g / ||T g|| with T = |w| + 0.01, so that scaling layers against each other
    changes nothing (Kwon et al., 2021, https://arxiv.org/abs/2102.11600, algorithm 1).
    Norms are those of all trained weights together. A step takes twice as long. Batch-norm statistics and
    the training loss are those of the first pass.

    Args:
        rho: how far to climb; ``adaptive`` wants about ten times as much.
        adaptive: climb in proportion to each weight's size.

    Raises:
        ValueError: the run computes in float16, whose gradient is scaled.
    """

    def __init__(self, *, precision: Precision, rho: Positive = 0.05, adaptive: bool = False) -> None:
        if precision.scaler().is_enabled():
            raise ValueError(
                "float16 scales gradients, which SAM can't climb along; set [train] precision = bfloat16, or "
                "float32 on a GPU that has no bfloat16"
            )
        self.rho, self.adaptive = rho, adaptive

    @torch.no_grad()
    def on_gradients(self, state: TrainState, again: Callable[[], object]) -> None:
        trained = tuple(parameter for parameter in state.model.parameters() if parameter.grad is not None)
        kept = [*trained, *state.model.buffers()]  # the second pass must not move batch-norm statistics
        copies = [tensor.clone() for tensor in kept]
        torch._foreach_add_(trained, self._climb(trained))
        state.optimizer.zero_grad(set_to_none=True)
        with torch.enable_grad():
            again()
        for tensor, copy in zip(kept, copies, strict=True):
            tensor.copy_(copy)

    def _climb(self, trained: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return e for each parameter; zeros where the whole gradient is 0."""
        climb = tuple(p.grad for p in trained if p.grad is not None)
        scales = tuple(p.abs() + _ETA for p in trained) if self.adaptive else ()
        if scales:
            climb = torch._foreach_mul(climb, scales)
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(climb)))
        climb = torch._foreach_mul(climb, self.rho / norm.clamp(min=1e-12))
        return torch._foreach_mul(climb, scales) if scales else climb

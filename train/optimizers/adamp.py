"""AdamP (Heo et al., 2020, https://arxiv.org/abs/2006.08217): Adam that keeps weight norms from growing."""

import adamp
from torch import Tensor

from train.optimizer import OPTIMIZERS, Groups
from utils.convert import Fraction, NonNegative, Rate


@OPTIMIZERS.register
class AdamP(adamp.AdamP):  # type: ignore[misc]
    """Converged fastest in a published comparison on the mask competition."""

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Rate = 1e-3,
        betas: tuple[Fraction, Fraction] = (0.9, 0.999),
        weight_decay: NonNegative = 0.01,
    ) -> None:
        super().__init__(groups, lr, betas, weight_decay=weight_decay)

    def _channel_view(self, x: Tensor) -> Tensor:
        """Return a view or a copy (C, -1): the package's own refuses channels-last weights."""
        return x.reshape(len(x), -1)

    def _layer_view(self, x: Tensor) -> Tensor:
        """Return a view or a copy (1, -1)."""
        return x.reshape(1, -1)

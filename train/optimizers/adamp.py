"""AdamP (Heo et al., 2020, https://arxiv.org/abs/2006.08217): Adam that keeps weight norms from growing."""

import adamp

from train.optimizer import OPTIMIZERS, Groups
from utils.convert import Fraction, NonNegative, Positive


@OPTIMIZERS.register
class AdamP(adamp.AdamP):  # type: ignore[misc]
    """Converged fastest in a published comparison on the mask competition."""

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Positive = 1e-3,
        betas: tuple[Fraction, Fraction] = (0.9, 0.999),
        weight_decay: NonNegative = 0.01,
    ) -> None:
        super().__init__(groups, lr, betas, weight_decay=weight_decay)

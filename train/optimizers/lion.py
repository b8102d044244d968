"""Lion (Chen et al., 2023, https://arxiv.org/abs/2302.06675): every step moves each weight equally far."""

from timm.optim.lion import Lion as TimmLion

from train.optimizer import OPTIMIZERS, Groups
from utils.convert import Fraction, NonNegative, Positive


@OPTIMIZERS.register
class Lion(TimmLion):
    """The sign of a momentum, with decoupled weight decay: algorithm 2 of the source, half of Adam's memory.

    The source finds the best ``lr`` 3 to 10 times smaller than AdamW's and the best ``weight_decay`` as
    many times larger; the defaults are 10 times away from AdamW's.
    """

    def __init__(
        self,
        *,
        groups: Groups,
        lr: Positive = 1e-4,
        betas: tuple[Fraction, Fraction] = (0.9, 0.99),
        weight_decay: NonNegative = 0.1,
    ) -> None:
        super().__init__(groups, lr, betas, weight_decay=weight_decay)

"""A rate that falls when nothing gets better."""

from torch.optim import Optimizer

from schedulers.base import SCHEDULERS, Scheduler, ScoreHistory, ScoreOf
from utils.convert import CountOrZero, Fraction, NonNegative


@SCHEDULERS.register
class ReduceOnPlateau(Scheduler):
    """rate = base * factor ** (number of plateaus), as torch's ReduceLROnPlateau on ``[train] monitor``.

    A plateau is more than ``patience`` epochs in a row that are no better than the best so far; the
    next one is counted from 0. Everything follows from the scores, so a resumed run goes on alike.

    Args:
        factor: of each fall.
        patience: epochs without improvement that change nothing yet.
        threshold: share of the best score that counts as an improvement.
        warmup: epochs in which the rate rises from 0; their scores don't count.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        steps_per_epoch: int,
        score_of: ScoreOf,
        factor: Fraction = 0.5,
        patience: CountOrZero = 10,
        threshold: NonNegative = 1e-4,
        warmup: NonNegative = 0.0,
    ) -> None:
        super().__init__(optimizer, steps_per_epoch, warmup)
        self.score_of = score_of
        self.factor, self.patience, self.threshold = factor, patience, threshold

    def rate(self, base: float, epoch: float) -> float:
        return base

    def multiplier(self, history: ScoreHistory) -> float:
        best, waited, plateaus = None, 0, 0
        for score in map(self.score_of, history):
            if best is None or score > best + self.threshold * abs(best):
                best, waited = score, 0
            else:
                waited += 1
            if waited > self.patience:
                waited, plateaus = 0, plateaus + 1
        return float(self.factor**plateaus)

"""Class weights that begin late."""

from loss.base import PerHeadLoss
from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from utils.convert import Count


@CALLBACKS.register
class DeferredReweighting(Callback):
    """The losses' ``class_weights`` count only from an epoch on; before it every class has weight 1.

    Features are learnt from the images as often as they come; late, when the rate is small, the weights
    move the borders between the classes. Source: the DRW schedule of Cao et al., 2019,
    https://arxiv.org/abs/1906.07413, algorithm 1, where the last fifth of the epochs is weighted.

    Args:
        from_epoch: the first epoch with the weights, counted from 1 as in the log.

    Raises:
        ValueError: no loss has class weights, or the run ends before that epoch.
    """

    def __init__(self, *, criterion: PerHeadLoss, epochs: int, from_epoch: Count) -> None:
        if not criterion.has_class_weights:
            raise ValueError("no loss has class weights to defer; set class_weights = balanced in [loss]")
        if from_epoch > epochs:
            raise ValueError(f"from_epoch = {from_epoch} never comes in a run of {epochs} epochs")
        self.criterion, self.from_epoch = criterion, from_epoch

    def on_epoch_start(self, state: TrainState) -> None:
        self.criterion.reweighting = state.epoch + 1 >= self.from_epoch

"""How well the weights do that an average of them replaces."""

from dataset.tasks.base import Task
from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from train.validator import Validator


@CALLBACKS.register
class RawScores(Callback):
    """Adds ``raw_macro_f1`` and the other main scores of the trained weights, beside those of their average.

    An average over many steps lags behind in a short run: with this, a run shows by how much. What is
    kept and predicted with stays the average (EMA or SWA); without one it adds nothing. Costs one more
    validation an epoch.
    """

    needs_validation = True

    def __init__(self, *, task: Task, validator: Validator) -> None:
        self.task, self.validator = task, validator

    def extra_images(self, epoch: int, *, validated: bool) -> int:
        return len(self.validator.batches.rows) if validated else 0

    def on_epoch_end(self, state: TrainState) -> None:
        if state.eval_model is state.model:
            return
        scores, _ = self.validator.run(state.model)
        state.history[-1] |= {f"raw_{name}": scores[name] for name in self.task.main_scores}

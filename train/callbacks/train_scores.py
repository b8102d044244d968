"""How well the model knows the images that it was trained on."""

from typing import Annotated

import numpy as np

from dataset.batches import EvalBatches, TrainBatches
from dataset.tasks.base import Task
from inference.predict import predict
from train.callbacks.base import CALLBACKS, Callback
from train.state import TrainState
from train.validator import Validator
from utils.convert import Interval


@CALLBACKS.register
class TrainScores(Callback):
    """Adds ``train_macro_f1`` and the task's other main scores to each epoch, beside validation's.

    They are measured exactly as validation is: the evaluated weights, without augmentation, on the same
    evenly spaced training images each time. (Scores collected while training mix weights of a whole
    epoch, and mean nothing when images are mixed.)

    Args:
        images: how many training images.
    """

    def __init__(
        self,
        *,
        task: Task,
        validator: Validator,
        batches: TrainBatches,
        images: Annotated[int, Interval(1)] = 500,
    ) -> None:
        self.task, self.validator, self.batches, self.images = task, validator, batches, images

    def extra_images(self, epoch: int, *, validated: bool) -> int:
        return min(self.images, len(self.batches.sampler)) if validated else 0

    def on_epoch_end(self, state: TrainState) -> None:
        known = np.unique(self.batches.sampler.order(0))
        rows = known[np.linspace(0, len(known) - 1, min(self.images, len(known))).astype(np.int64)]
        like = self.validator.batches
        batches = EvalBatches(
            self.batches.source,
            rows,
            batch_size=like.batch_size,
            size=like.size,
            targets=self.batches.targets,
        )
        answers = predict(state.eval_model, batches, self.validator.precision, what="Train scores")
        predictions = self.validator.of_cases(answers)
        scores = self.task.scores(predictions.logits, predictions.targets)
        state.history[-1] |= {f"train_{name}": scores[name] for name in self.task.main_scores}

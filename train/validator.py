"""Scores of a model on the validation images."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dataset.batches import EvalBatches
from dataset.tasks.base import Task
from inference.cases import pooled
from inference.predict import Predictions, predict
from loss.base import PerHeadLoss
from utils.device import Precision


class Validator:
    """Validates any model on the same images, with the organiser's labels; without any, nothing is scored.

    Args:
        case_of: the number of the case of each image of the table; None: each image is scored by itself.
    """

    def __init__(
        self,
        task: Task,
        batches: EvalBatches,
        criterion: PerHeadLoss,
        precision: Precision,
        case_of: NDArray[np.int64] | None = None,
    ) -> None:
        self.task, self.batches = task, batches
        self.criterion, self.precision, self.case_of = criterion, precision, case_of
        self.due: Callable[[int], bool] = lambda epoch: True  # whether an epoch is validated

    def run(self, model: nn.Module) -> tuple[dict[str, float], Predictions | None]:
        """Return the scores, with the ``loss`` over all images at once, and the predictions of cases."""
        if not len(self.batches):  # a final fit: all images are trained on
            return {}, None

        predictions = predict(model, self.batches, self.precision, what="Validating")
        logits, targets = predictions.logits, predictions.targets
        device = self.precision.device
        with torch.inference_mode():
            loss = self.criterion(_on(logits, device), _on(targets, device))

        answers = self.of_cases(predictions)
        return {"loss": float(loss)} | self.task.scores(answers.logits, answers.targets), answers

    def of_cases(self, predictions: Predictions) -> Predictions:
        """Return what is scored: each case once, the mean of what is said of its images."""
        return pooled(predictions, self.case_of, self.task.spaces)


def _on(values: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    return {name: value.to(device) for name, value in values.items()}

"""Predicts the organiser's eval images and writes the submission."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from dataset.batches import EvalBatches
from dataset.readers.test_dataset import TestDataset
from dataset.task import Task
from inference.predict import Predictions, predict
from inference.submission import write_submission
from utils.device import Precision
from utils.errors import DataError, PodiumError
from utils.tables import write_table


class Inferrer:
    """Runs any model on the eval images, exactly as validation does."""

    def __init__(self, task: Task, images: TestDataset, batches: EvalBatches, precision: Precision) -> None:
        self.task, self.images, self.batches, self.precision = task, images, batches, precision

    def write(self, model: nn.Module, folder: Path) -> list[dict[str, str]]:
        """Write ``submission.csv`` and ``test_predictions.csv``; return the submission's rows.

        Raises:
            PodiumError: the model gives numbers that are not finite.
            DataError: the submission is not what the organiser's template asks for, or the batches are
            not all of its images in its order.
        """
        found = predict(model, self.batches, self.precision, what="Predicting")
        if found.rows.tolist() != list(range(len(self.images.ids))):
            raise DataError("The eval images were not predicted once each, in order: nothing was written.")
        for name, logits in found.logits.items():
            if not bool(logits.isfinite().all()):
                raise PodiumError(f"The model's {name} outputs are not finite numbers: nothing was written.")
        identity = self.images.columns[0]
        answers = self.task.rows(self.task.decide(found.logits))
        rows = [{identity: name} | answer for name, answer in zip(self.images.ids, answers, strict=True)]
        columns = self.images.columns
        write_submission(folder / "submission.csv", rows, self.images.ids, columns, self.task.allowed)
        ids = [(name,) for name in self.images.ids]
        write_predictions(folder / "test_predictions.csv", (identity,), ids, self.task, found)
        return rows


def write_predictions(
    path: Path,
    id_columns: tuple[str, ...],
    ids: Sequence[tuple[str, ...]],
    task: Task,
    found: Predictions,
) -> None:
    """Write a row for each image: ``ids``, then the probability of each label, ``space/label``."""
    probabilities = task.probabilities(found.logits)
    columns = [f"{space.name}/{label}" for space in task.spaces for label in space.labels]
    values = zip(*(probabilities[space.name].tolist() for space in task.spaces), strict=True)
    write_table(
        path,
        (*id_columns, *columns),
        (
            (*identity, *(f"{p:.6f}" for part in parts for p in part))
            for identity, parts in zip(ids, values, strict=True)
        ),
    )

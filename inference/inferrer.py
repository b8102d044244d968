"""Predicts the organiser's eval images and writes the submission."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from dataset.batches import EvalBatches
from dataset.eval_dataset import EvalDataset
from dataset.task import Task
from inference.predict import Predictions, predict
from inference.saved import write_digest
from inference.submission import write_submission
from utils.device import Precision
from utils.errors import DataError, PodiumError
from utils.tables import write_table

TEST_PREDICTIONS = "test_predictions.csv"
Rows = list[dict[str, str]]


class Submitter:
    """Writes predictions of the eval images, whoever made them; needs no image.

    Raises:
        DataError: the template has other columns than the task writes.
    """

    def __init__(self, task: Task, images: EvalDataset) -> None:
        columns, own = images.columns[1:], task.columns
        if own and set(own) != set(columns):
            raise DataError(
                f"The submission's template has the columns {', '.join(columns)} after the id, but the task "
                f"writes {', '.join(own)}: see submit and column in [task], and the table in [test_dataset]."
            )
        self.task, self.images = task, images

    def submit(self, found: Predictions, folder: Path, listed: Callable[[Rows], None]) -> None:
        """Write ``submission.csv``, give its rows to ``listed``, then write ``test_predictions.csv``.

        These come last, since an ensemble takes a member that has them as done.

        Raises:
            DataError: the submission is not what the organiser's template asks for.
        """
        identity = self.images.columns[0]
        answers = self.task.submission(found.logits)
        columns = self.images.columns
        rows = [
            _in_order({identity: name} | answer, columns)
            for name, answer in zip(self.images.ids, answers, strict=True)
        ]
        write_submission(folder / "submission.csv", rows, self.images.ids, columns, self.task.allowed)
        listed(rows)
        self.write_table(found, folder)

    def write_table(self, found: Predictions, folder: Path) -> None:
        """Write ``test_predictions.csv`` alone."""
        ids = [(name,) for name in self.images.ids]
        write_predictions(folder / TEST_PREDICTIONS, self.images.columns[:1], ids, self.task, found)
        write_digest(folder / TEST_PREDICTIONS)


class Inferrer(Submitter):
    """Runs any model on the eval images, exactly as validation does."""

    def __init__(self, task: Task, images: EvalDataset, batches: EvalBatches, precision: Precision) -> None:
        super().__init__(task, images)
        self.batches, self.precision = batches, precision

    def predict(self, model: nn.Module) -> Predictions:
        """Return the predictions of all images in the submission's order.

        Raises:
            PodiumError: the model gives numbers that are not finite.
            DataError: the batches are not all of the images in that order.
        """
        found = predict(model, self.batches, self.precision, what="Predicting")
        if found.rows.tolist() != list(range(len(self.images.ids))):
            raise DataError("The eval images were not predicted once each, in order: nothing was written.")
        check_finite(found)
        return found


def _in_order(row: dict[str, str], columns: tuple[str, ...]) -> dict[str, str]:
    """Return a row with its columns as in the template; other columns stay for its check to name."""
    return {column: row[column] for column in columns} if row.keys() == set(columns) else row


def check_finite(found: Predictions) -> None:
    """Raise PodiumError if any logit is no number."""
    for name, logits in found.logits.items():
        if not bool(logits.isfinite().all()):
            raise PodiumError(f"The model's {name} outputs are not finite numbers: nothing was written.")


def write_predictions(
    path: Path,
    id_columns: tuple[str, ...],
    ids: Sequence[tuple[str, ...]],
    task: Task,
    found: Predictions,
) -> None:
    """Write a row for each image: ``ids``, then the probability of each label, ``space/label``."""
    write_probabilities(path, id_columns, ids, task, task.probabilities(found.logits))


def write_probabilities(
    path: Path,
    id_columns: tuple[str, ...],
    ids: Sequence[tuple[str, ...]],
    task: Task,
    probabilities: Mapping[str, Tensor],
) -> None:
    """Write the same from the probabilities (N, K) by space."""
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

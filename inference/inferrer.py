"""Predicts the organiser's eval images and writes the submission."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from torch import Tensor, nn

from dataset.batches import EvalBatches
from dataset.readers.eval_base import EvalDataset
from dataset.submissions.base import SubmissionRows
from dataset.tasks.base import Task
from inference.cases import answers_of
from inference.columns import check_columns
from inference.predict import Predictions, predict
from inference.priors import Priors, with_priors
from inference.saved import write_digest
from inference.submission import write_submission
from inference.unreadable import FILE as UNREADABLE
from inference.written import Written
from utils.device import Precision
from utils.errors import DataError, PodiumError
from utils.tables import for_spreadsheet, write_table

TEST_PREDICTIONS = "test_predictions.csv"


class Submitter:
    """Writes predictions of the eval images, whoever made them; needs no image.

    Ids, columns and labels are written as the organiser spells them.

    Raises:
        DataError: the template has other columns than the task writes.
    """

    def __init__(self, task: Task, images: EvalDataset) -> None:
        check_columns(task, images)
        self.written = Written.of(task, images)
        self.task, self.images = task, images

    def submit(
        self, predictions: Predictions, folder: Path, listed: Callable[[SubmissionRows], None]
    ) -> None:
        """Write the submission, give its rows to ``listed`` as texts are compared, then write
        ``test_predictions.csv``: it comes last, since an ensemble takes a member that has it as done.

        Raises:
            DataError: the submission is not what the organiser's template asks for.
        """
        images, written = self.images, self.written
        answers = self.task.form.answers(self.task, predictions.logits)
        rows = written.rows(predictions.logits)
        path = folder / self.task.form.file
        write_submission(path, rows, written.ids, images.header, written.allowed)
        identity = images.columns[0]
        listed([{identity: name} | answer for name, answer in zip(images.names, answers, strict=True)])
        self.write_table(predictions, folder)

    def write_table(self, predictions: Predictions, folder: Path) -> None:
        """Write ``test_predictions.csv`` alone."""
        ids = [(name,) for name in self.images.ids]
        write_predictions(folder / TEST_PREDICTIONS, self.images.columns[:1], ids, self.task, predictions)
        write_digest(folder / TEST_PREDICTIONS, folder / UNREADABLE)


class Inferrer(Submitter):
    """Runs any model on the eval images, exactly as validation does."""

    def __init__(self, task: Task, images: EvalDataset, batches: EvalBatches, precision: Precision) -> None:
        super().__init__(task, images)
        self.batches, self.precision = batches, precision

    @property
    def unreadable(self) -> dict[int, str]:
        """Why rows have no image that can be read, by row of the submission."""
        return self.images.unread(self.batches.source.bad)

    def predict(
        self, model: nn.Module, priors: Priors | None = None, early: Predictions | None = None
    ) -> Predictions:
        """Return the predictions of all rows in the submission's order, those of cases as means.

        Args:
            priors: the answer to those that can't be read, where there are some.
            early: what the model said of all images before it was known that they can be read.

        Raises:
            PodiumError: the model gives numbers that are not finite.
            DataError: the batches are not all of the images in that order.
        """
        bad, unreadable = self.batches.source.bad, self.unreadable
        if early is not None and not bad:
            predictions = early
        else:
            predictions = predict(model, self.batches, self.precision, what="Predicting")

        if predictions.rows.tolist() != [row for row in range(len(self.images.files)) if row not in bad]:
            raise DataError("The images were not predicted once each, in order: nothing was written.")
        check_finite(predictions)
        predictions = answers_of(predictions, self.images.cases, self.task.spaces)
        if not unreadable:
            return predictions
        if priors is None:
            raise DataError(
                f"{len(unreadable)} eval image(s) can't be read, and there are no priors for them."
            )
        return with_priors(predictions, len(self.images.ids), unreadable, priors, self.task.spaces)


def check_finite(predictions: Predictions) -> None:
    """Raise PodiumError if any logit is no number."""
    for name, logits in predictions.logits.items():
        if not bool(logits.isfinite().all()):
            raise PodiumError(f"The model's {name} outputs are not finite numbers: nothing was written.")


def write_predictions(
    path: Path,
    id_columns: tuple[str, ...],
    ids: Sequence[tuple[str, ...]],
    task: Task,
    predictions: Predictions,
) -> None:
    """Write a row for each image: ``ids``, then the probability of each label, ``space/label``, or number."""
    write_probabilities(path, id_columns, ids, task, task.probabilities(predictions.logits))


def write_probabilities(
    path: Path,
    id_columns: tuple[str, ...],
    ids: Sequence[tuple[str, ...]],
    task: Task,
    probabilities: Mapping[str, Tensor],
) -> None:
    """Write the same from the probabilities (N, K) by space."""
    columns = (f"{space.name}/{label}" for space in task.spaces for label in space.labels)
    header = map(for_spreadsheet, (*id_columns, *columns))
    values = zip(*(space.cells(probabilities[space.name]) for space in task.spaces), strict=True)

    # Numbers need no guard: to look at each would take longer than to write it.
    rows = (
        [*map(for_spreadsheet, identity), *chain.from_iterable(parts)]
        for identity, parts in zip(ids, values, strict=True)
    )
    write_table(path, tuple(header), rows, guarded=False)

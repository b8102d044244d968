"""The images that a run predicts: which there are, and batches of those that can be read."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dataset.batches import EvalBatches
from dataset.images.featured import with_features
from dataset.images.store import ImageSource
from dataset.readers.eval_base import EvalDataset
from experiment.assemble import Experiment
from experiment.data import prepare_data_folder
from experiment.eval_images import EVAL, readable_rows, say_unread_of_cases
from experiment.eval_table import eval_table


def eval_data(
    experiment: Experiment,
    table: EvalDataset | None = None,
    meanwhile: Callable[[EvalBatches], None] | None = None,
) -> tuple[EvalDataset, EvalBatches]:
    """Return the organiser's eval images, or the table given, and batches of those that can be read."""
    images = table_of_eval(experiment) if table is None else table
    prior = experiment.settings.infer.on_bad_image == "prior"
    return images, eval_batches(experiment, images, EVAL, prior=prior, meanwhile=meanwhile)


def table_of_eval(experiment: Experiment) -> EvalDataset:
    """Return which eval images there are; no image is read."""
    prepare_data_folder(experiment.settings)
    return eval_table(experiment.settings, experiment.task)


def eval_batches(
    experiment: Experiment,
    images: EvalDataset,
    what: str,
    *,
    prior: bool = False,
    meanwhile: Callable[[EvalBatches], None] | None = None,
) -> EvalBatches:
    """Return images without labels in batches, whoever listed them.

    Args:
        what: these are, for messages.
        prior: leave out what can't be read.
        meanwhile: gets the same batches while the images are prepared, if they have to be and as long as all
            of them can be read.
    """
    settings, batch_size = experiment.settings, experiment.eval_batch_size
    size = None if settings.infer.views else settings.images.size  # views look beyond the middle
    seen = None if images.features is None else images.features.values

    def batches(source: ImageSource, rows: NDArray[np.int64]) -> EvalBatches:
        return EvalBatches(with_features(source, seen), rows, batch_size=batch_size, size=size)

    def use(coming: ImageSource) -> None:
        if meanwhile is not None:
            meanwhile(batches(coming, np.arange(len(coming))))

    source = experiment.images(images.root, images.files, what, None if meanwhile is None else use)
    rows = readable_rows(source, images.files, experiment.prepare, what, prior=prior)
    say_unread_of_cases(source, images)
    return batches(source, rows)

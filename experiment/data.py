"""The data of a run: what is asked of it, its training table, and the pixels of its images."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dataset.demo.draw import draw_demo_data, is_demo
from dataset.images.coming import Meanwhile
from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare
from dataset.images.resident import kind_for, load_onto
from dataset.images.store import ImageSource, raise_bad
from dataset.readers.base import DATASETS, BaseDataset
from dataset.tasks.base import TASKS, Facts, Task
from experiment.metrics import scored_by
from experiment.settings import Settings
from experiment.submission_form import handed_in
from utils.errors import DataError
from utils.not_there import check_data_folder

log = logging.getLogger("podium")


def prepare_data_folder(settings: Settings) -> None:
    """Draw the demo data if the config asks for it and it is not there yet; say what data this is."""
    data = settings.paths.data
    if settings.paths.draw_demo:
        draw_demo_data(data)
    check_data_folder(data)
    if is_demo(data):
        log.warning(
            "\nThis is DRAWN DEMO DATA (%s): scores say that the pipeline works, nothing about a "
            "competition.\nFor your own data set these two lines in [paths] of config.ini\n"
            "    data = /path/to/the/organiser's/folder\n    draw_demo = no\n"
            "or PODIUM_DATA=/path/to/the/organiser's/folder in a file named .env\n",
            data,
        )


def build_task(settings: Settings) -> Task:
    """Return the task; one that does not know its labels reads them in the training table."""
    root, dataset = settings.paths.data, settings.chosen["dataset"]

    def label_names() -> tuple[str, ...]:
        prepare_data_folder(settings)
        return DATASETS.get(dataset.name).label_names(**DATASETS.arguments(dataset, root=root))

    def table_rows() -> list[tuple[str, Facts]]:
        prepare_data_folder(settings)
        return DATASETS.get(dataset.name).table_rows(**DATASETS.arguments(dataset, root=root))

    chosen = settings.chosen["task"]
    task = TASKS.build(chosen, root=root, labels_found=label_names, rows_found=table_rows)
    task = scored_by(task, settings)
    return handed_in(task, settings.chosen["submission"], settings.beside["submission"])


def training_table(settings: Settings, task: Task) -> BaseDataset:
    """Return the table of training images; no image is read. A final fit holds no fold out."""
    prepare_data_folder(settings)
    chosen, seed = settings.chosen["dataset"], settings.run.dealing_seed
    table = DATASETS.build(chosen, root=settings.paths.data, task=task, seed=seed)
    return table if settings.train.final is None else table.holding_out(None)


def pixels_of(
    settings: Settings,
    prepare: Prepare,
    device: torch.device,
    root: Path,
    files: Sequence[str],
    what: str,
    meanwhile: Meanwhile | None = None,
) -> ImageSource:
    """Return the pixels of files, prepared as the config says, from where it wants them.

    Args:
        meanwhile: uses them while they are prepared, if they have to be.
    """
    cache, images = settings.paths.cache, settings.images
    budget, kind = images.store_budget, kind_for(images.store)
    source = open_images(
        root, files, prepare, cache, budget=budget, what=what, kind=kind, meanwhile=meanwhile
    )
    return load_onto(source, images.store, device, what)


def leave_out_bad(dataset: BaseDataset, source: ImageSource, *, refused: bool) -> None:
    """Take the images that can't be read out of a training table.

    Args:
        refused: a single one is an error.

    Raises:
        DataError: it is one, or no image is left to train on, or to validate on.
    """
    if refused:
        raise_bad(source, "\nMend them, or leave them out: [images] on_bad_image = skip")
    dataset.without(np.array(sorted(source.bad), dtype=np.int64))

    validates = dataset.valid_fold is not None  # a final fit does not
    if not len(dataset.train_rows) or (validates and not len(dataset.valid_rows)):
        raise DataError(
            f"{len(dataset.train_rows)} training and {len(dataset.valid_rows)} validation images are"
            f" left, {len(source.bad)} can't be read: see the images, and folds, valid_fold and the age"
            " policy in the config."
        )

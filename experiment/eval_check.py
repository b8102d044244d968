"""What a submission needs, looked at before the first epoch instead of after the last."""

import logging
from pathlib import Path

import torch

from dataset.demo.draw import draw_demo_data
from dataset.files.pointers import refuse_pointers
from dataset.readers.eval_base import TEST_DATASETS, EvalDataset
from dataset.tasks.base import Task
from experiment.eval_table import eval_table
from experiment.settings import Settings
from inference.columns import fitted, say_columns
from inference.submission import check_submission
from inference.written import Written
from utils.errors import DataError, PodiumError, listed

log = logging.getLogger("podium")
_FILES = ("table", "images", "template")  # options of a test dataset that name what has to be there
_DEFAULT = "the whole file"  # where a section that a config has not "stands"


def check_eval(settings: Settings, task: Task) -> None:
    """Refuse eval images and a template of which no submission could be made; no image is decoded.

    Where they are not there at all, as on a machine that only trains, that is said and no more.

    Raises:
        PodiumError: as inference would, with what to do to train nevertheless.
    """
    if not settings.infer.check_first:
        return
    component, root = settings.chosen["test_dataset"], settings.paths.data
    if settings.paths.draw_demo:
        draw_demo_data(root)
    options = TEST_DATASETS.arguments(component, root=root, task=task)
    missing = [path for name in _FILES if options.get(name) and _is_absent(path := root / options[name])]
    if missing:
        if component.origin != _DEFAULT:
            log.warning(
                "There is no %s: a submission can't be checked before training, nor made without it.",
                " and no ".join(map(str, missing)),
            )
        return

    try:
        images = eval_table(settings, task)
        _check_files(images)
        fitting = fitted(task, images)
        _check_form(fitting, images)
    except PodiumError as error:
        raise type(error)(
            f"{error}\nSo there could be no submission after training (see [test_dataset]). To train "
            "nevertheless, set check_first = no in [infer]."
        ) from error
    say_columns(task, fitting, images)
    log.info("Eval images: %d files are there, and the submission's form fits the task.", len(images.files))


def _is_absent(path: Path) -> bool:
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


def _check_files(images: EvalDataset) -> None:
    refuse_pointers(images.files)
    empty = [row for row, size in enumerate(images.files.sizes) if size == 0]
    if empty:
        problems = [f"{images.files.path(row)} is an empty file" for row in empty]
        raise DataError(listed("The eval images", problems))


def _check_form(task: Task, images: EvalDataset) -> None:
    """Make the rows of a submission in which all images have the same answer, and check them."""
    logits = {space.name: torch.zeros(1, len(space.labels)) for space in task.spaces}
    written = Written.of(task, images)
    rows = written.rows(logits, times=len(images.ids))
    check_submission(rows, written.ids, images.header, written.allowed)

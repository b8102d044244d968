"""Says what a run is trained on, and keeps it in the run's folder."""

import logging
from collections.abc import Sequence
from pathlib import Path

from dataset.class_table import (
    as_called,
    class_table,
    in_short,
    write_class_table,
)
from dataset.images.file_report import crop_lines, remark_lines
from dataset.images.prepare import Prepare
from dataset.images.store import ImageSource
from dataset.readers.base import BaseDataset
from dataset.tasks.base import Task
from experiment.run_folder import is_run
from inference.priors import priors_of, write_priors
from utils.durable import write_text
from utils.shortened import MOST, listing
from utils.tables import write_table

log = logging.getLogger("podium")
CLASS_TABLE = "class_table.csv"  # in a run's folder


def report(task: Task, prepare: Prepare, folder: Path, dataset: BaseDataset, source: ImageSource) -> None:
    """Print and keep what is trained on: classes, split, and what was left out.

    The classes of a run over folds are printed with its first one: the others deal the same images.
    """
    columns, table = as_called(dataset, class_table(dataset, task))
    known = is_run(folder.parent) and any(folder.parent.glob(f"*/{CLASS_TABLE}"))
    write_class_table(folder / CLASS_TABLE, table, columns)
    trained = {name: values[dataset.train_rows] for name, values in dataset.targets.items()}
    write_priors(folder, task.spaces, priors_of(task.spaces, trained))

    if dataset.valid_fold is not None:
        split = sorted(set(zip(dataset.groups, dataset.folds.tolist(), strict=True)))
        write_table(folder / "split.csv", ("group", "fold"), split)
    if known:
        log.info("Classes: %s", folder / CLASS_TABLE)
    else:
        log.info("%s\n", in_short(columns, table, folder / CLASS_TABLE))

    for line in missing_lines(task, dataset, str(folder / CLASS_TABLE)):
        log.warning(line)
    for line in remark_lines(source, dataset.files, prepare.depth, "training"):
        log.warning(line)
    for line in crop_lines(source, prepare.cropper, "training", task.spaces, dataset.targets):
        log.warning(line)
    for note in dataset.notes:
        log.warning(note)

    left_out = [*dataset.skipped, *source.bad.values()]
    _say_left_out(left_out, folder)
    log.info(
        "%d images: %d to train on, %d to validate on, %d left out as bad. Run folder: %s",
        len(dataset.files), len(dataset.train_rows), len(dataset.valid_rows), len(left_out), folder,
    )  # fmt: skip


def missing_lines(task: Task, dataset: BaseDataset, where: str) -> list[str]:
    """Return a line on the labels that no training image has, and one on those that no validation image has.

    Args:
        where: all labels can be looked up.
    """
    parts = (
        (dataset.train_rows, "training", "it can't be learnt"),
        (dataset.valid_rows, "validation", "scores say nothing about it"),
    )
    lines = []
    for rows, part, what in parts:
        targets = {name: values[rows] for name, values in dataset.targets.items()}
        if len(rows) and (missing := task.unscored(targets)):
            lines.append(f"No {part} image has {listing(missing, where)}: {what}.")
    return lines


def _say_left_out(problems: Sequence[str], folder: Path) -> None:
    """Name what is left out: in the log, or where it is much in a file."""
    for problem in problems[:MOST]:
        log.warning("Left out: %s", problem)
    if len(problems) > MOST:
        write_text(folder / "left_out.txt", "".join(f"{problem}\n" for problem in problems))
        log.warning("Left out: ... and %d more, all in %s", len(problems) - MOST, folder / "left_out.txt")

"""Images that a finished run has labelled, as more images to train on: self-training.

A *teacher* labels images that nobody has labelled, and a *student* learns from them as well, with stronger
augmentation and dropout than its teacher: Xie et al., 2019, "Self-training with Noisy Student improves
ImageNet classification", https://arxiv.org/abs/1911.04252, algorithm 1. Soft labels are the paper's choice.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.pseudo.numbers import as_number, from_cell
from dataset.pseudo.teacher import Teacher
from dataset.pseudo.thresholds import ANYHOW, LeastConfidence
from dataset.readers.base import BaseDataset, TrainingTable
from dataset.readers.features import Features
from dataset.tasks.base import Targets, Task
from dataset.tasks.spaces import Space, check_space
from utils.convert import Fraction, Positive, convert
from utils.doubles import keep_one
from utils.errors import ConfigError, DataError, listed
from utils.on_disk import on_disk
from utils.tables import Row, Table, read_table

log = logging.getLogger("podium")
NAME = "pseudo_labels.csv"  # what --mode pseudo writes into a run's folder
FILE, GROUP = "file", "group"  # columns; the others are confidence/<space> and <space>/<label>
_ELSEWHERE = ": name the folder that it may lie in with images in [pseudo]"
_ROUNDED = 1e-3  # how far probabilities that were written as text may add up to something else than 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoSettings:
    """More images to train on, labelled by a finished run with ``--mode pseudo``."""

    labels: Path | None = None  # that run's pseudo_labels.csv; {fold} in it = valid_fold; none = no images
    weight: Positive = 1.0  # of each such image against 1 for one that people have labelled
    min_confidence: LeastConfidence = ANYHOW  # from 0 to 1; less sure = not labelled in that label space
    hard: bool = False  # train on the chosen labels instead of their probabilities
    images: Path | None = None  # the folder to label, which may lie anywhere; none = the eval images

    def of_fold(self, fold: int | None) -> "PseudoSettings":
        """Return these settings with ``{fold}`` in the path of the labels filled in.

        Raises:
            ConfigError: it is there, but no fold is held out.
        """
        if self.labels is None:
            return self
        if fold is None and "{fold}" in str(self.labels):
            raise ConfigError(
                f"[pseudo] labels = {self.labels} has other labels for each fold, but this run is trained on "
                "all of them: name one file with --set pseudo.labels=..."
            )
        return replace(self, labels=Path(str(self.labels).replace("{fold}", str(fold))))

    def check(self, spaces: Iterable[Space]) -> None:
        """Refuse what this task's label spaces can't express.

        Raises:
            ConfigError: a threshold's space is unknown, or a weight or ``hard`` is given that has no place.
        """
        kinds = {space.name: space.kind for space in spaces}
        for name, _ in self.min_confidence.of_space:
            try:
                check_space(name, kinds)
            except ValueError as error:
                raise ConfigError(f"[pseudo] min_confidence: {error}") from None

        if self.labels is None:
            return
        unweighted = [name for name, kind in kinds.items() if kind != "one_of"]
        if self.weight != 1 and unweighted:
            is_number = kinds[unweighted[0]] == "number"
            why = "whose answer is a number" if is_number else "where any label may be present"
            raise ConfigError(
                f"[pseudo] weight = {self.weight:g}: an image counts fully in {unweighted[0]!r}, {why}. "
                "Write weight = 1, and a min_confidence to take fewer images."
            )
        if self.hard and set(kinds.values()) == {"number"}:
            raise ConfigError(
                "[pseudo] hard = yes: it chooses the likeliest label, and this task asks for numbers only, "
                "which have no probabilities. Write hard = no."
            )


def confidences(spaces: Iterable[Space], probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return how sure a model is of each image, (N) in [0, 1] by space of labels.

    Of one right label it is the largest probability; where any may be right, the mean of max(p, 1 - p)
    over the labels, each of which is a yes or a no. Of numbers see ``number_confidence``.
    """
    sureness = {}
    for space in (space for space in spaces if not space.numeric):
        p = probabilities[space.name]
        sureness[space.name] = p.amax(dim=1) if space.kind == "one_of" else p.maximum(1 - p).mean(dim=1)
    return sureness


def chosen_labels(task: Task, probabilities: Mapping[str, Tensor]) -> Targets:
    """Return the labels that the task decides for, float (N, K) of 0 and 1 by space."""
    logits = {space.name: space.logits(probabilities[space.name]) for space in task.spaces}
    return {name: chosen.float() for name, chosen in task.decide(logits).items()}


def read_pseudo_labels(
    settings: PseudoSettings, path: Path, dataset: BaseDataset, task: Task
) -> TrainingTable:
    """Return the images of a ``pseudo_labels.csv`` and their targets.

    Where a space has one right label, an image that is less sure than ``min_confidence`` is not labelled, nor
    one for which the task decides that there is none, such as on a level beyond its path in a hierarchy; nor
    has it a number where it is less sure of that, or nobody knows how sure it is. In a space of any labels
    there is no such thing, and an image that is less sure is left out altogether.

    Raises:
        ConfigError: the teacher was trained on people who validate in this run.
        DataError: lists every row at fault, or no image is sure enough.
    """
    Teacher.read(path).refuse_leak(dataset)
    columns = None if dataset.features is None else dataset.features.columns
    told = () if columns is None else tuple(map(feature_column, columns.names))
    table = read_table(path, (FILE, GROUP, *_columns(task), *told), guarded=True)
    doubles = keep_one(table.rows, lambda row: row[FILE])
    table = replace(table, rows=doubles.rows)
    for note in doubles.notes:
        log.warning(note)

    if problems := list(_problems(settings, table, dataset, task)):
        raise DataError(listed(str(path), problems))

    probabilities = {space.name: _probabilities(table, space) for space in task.spaces}
    chosen = chosen_labels(task, probabilities)
    targets = chosen if settings.hard else probabilities | _numbers(task.spaces, chosen)
    targets = {name: (values * settings.weight).float() for name, values in targets.items()}

    # What is not labelled in a space has no target there: it teaches nothing.
    labelled = _sure(table, task.spaces, settings.min_confidence)
    for space in task.spaces:
        if space.kind == "one_of":
            labelled[space.name] &= chosen[space.name].any(dim=1)
        targets[space.name][~labelled[space.name]] = torch.nan if space.numeric else 0.0

    needed = [labelled[space.name] for space in task.spaces if space.kind == "any_of"]
    usable = torch.stack(needed or [torch.stack(list(labelled.values())).any(dim=0)]).all(dim=0)

    if not usable.any():
        raise DataError(
            f"{path}: no image is as sure as [pseudo] min_confidence = {settings.min_confidence} asks for."
        )

    return TrainingTable(
        files=tuple(_file(row, dataset.root) for row in table.rows),
        groups=tuple(row[GROUP] or row[FILE] for row in table.rows),
        targets=targets,
        rows=np.flatnonzero(usable.numpy()),
        features=None if columns is None else _features(columns, table, path),
    )


def feature_column(name: str) -> str:
    """Return the column that says what a table says of the images in its own column of that name."""
    return f"feature/{name}"


def _features(columns: Features, table: Table, path: Path) -> Tensor:
    """Return what a model sees of the images beside their pixels (N, D)."""
    cells = [{name: row[feature_column(name)] for name in columns.names} for row in table.rows]
    features, wrong = columns.table(cells)
    if wrong:
        lines = [f"{table.rows[row].line}: {problem}" for row in wrong for problem in wrong[row]]
        raise DataError(listed(str(path), lines))
    return features.values


def summary(settings: PseudoSettings, table: TrainingTable, spaces: Iterable[Space]) -> str:
    """Return a line for the log on how many images are trained on with the labels of a model."""
    labelled = ", ".join(
        f"{space.name} {int(_has_label(space, table.targets[space.name][table.rows]).sum())}"
        for space in spaces
    )
    return (
        f"Also trained on, never validated: {len(table.rows)} of the {len(table.files)} images of "
        f"{settings.labels} with a weight of {settings.weight:g} (labelled: {labelled})."
    )


def _has_label(space: Space, targets: Tensor) -> Tensor:
    return ~targets[:, 0].isnan() if space.numeric else targets.any(dim=1)


def _numbers(spaces: Iterable[Space], chosen: Targets) -> Targets:
    """Return the numbers within their bounds."""
    return {space.name: chosen[space.name].double() for space in spaces if space.numeric}


def _file(row: Row, root: Path) -> str:
    """Return a row's file, relative to the root or absolute, as it is spelt on disk."""
    path = root / row[FILE]
    spelt = on_disk(path)
    return row[FILE] if spelt == path else os.path.relpath(spelt, root)


def _columns(task: Task) -> list[str]:
    labels = [f"{space.name}/{label}" for space in task.spaces for label in space.labels]
    return [f"confidence/{space.name}" for space in task.spaces] + labels


def _problems(settings: PseudoSettings, table: Table, dataset: BaseDataset, task: Task) -> Iterator[str]:
    """Yield what is wrong with any row."""
    folders = [folder.resolve() for folder in (dataset.root, settings.images) if folder is not None]
    valid_groups = {dataset.groups[row] for row in dataset.valid_rows}
    seen = {(dataset.root / dataset.files[row]).resolve(): "it validates" for row in dataset.valid_rows}

    for row in table.rows:
        path = dataset.root / _file(row, dataset.root)
        where = path.resolve()
        if not any(where.is_relative_to(folder) for folder in folders):
            yield f"{row.line}: {row[FILE]} leads out of {dataset.root}{_ELSEWHERE}"
        elif not row[FILE] or not path.is_file():
            yield f"{row.line}: there is no image {path}"
        elif where in seen:
            yield f"{row.line}: {row[FILE]} can't be trained on: {seen[where]}"
        seen.setdefault(where, f"it stands in {row.line} already")

        if row[GROUP] in valid_groups:
            yield f"{row.line}: {row[FILE]} can't be trained on: its group {row[GROUP]!r} validates"
        yield from _wrong_numbers(row, task)


def _wrong_numbers(row: Row, task: Task) -> Iterator[str]:
    wrong = False
    for space in task.spaces:
        value, confidence = (as_number, from_cell) if space.numeric else (_fraction, _fraction)
        readers = {f"confidence/{space.name}": confidence}
        readers |= {f"{space.name}/{label}": value for label in space.labels}
        for column, read in readers.items():
            try:
                read(row[column])
            except ValueError as error:
                wrong = True
                yield f"{row.line}: {column}: {error}"

    for space in task.spaces:
        if not wrong and space.kind == "one_of":
            total = sum(float(row[f"{space.name}/{label}"]) for label in space.labels)
            if abs(total - 1) > _ROUNDED:
                yield f"{row.line}: the probabilities of {space.name} add up to {total:g} instead of 1"


def _fraction(text: str) -> float:
    share: float = convert(text, Fraction)
    return share


def _probabilities(table: Table, space: Space) -> Tensor:
    """Return float64 (N, K); those of one right label add up to 1 exactly: a row's sum is its weight."""
    columns = [f"{space.name}/{label}" for label in space.labels]
    numbers = [[float(row[column]) for column in columns] for row in table.rows]
    probabilities = torch.tensor(numbers, dtype=torch.float64)
    return probabilities / probabilities.sum(dim=1, keepdim=True) if space.kind == "one_of" else probabilities


def _sure(table: Table, spaces: Sequence[Space], thresholds: LeastConfidence) -> dict[str, Tensor]:
    """Return which images (N) are sure enough in each space; of what nobody knows, none is."""
    sure = {}
    for space in spaces:
        confidences = [from_cell(row[f"confidence/{space.name}"]) for row in table.rows]
        sure[space.name] = torch.tensor(confidences, dtype=torch.float64) >= thresholds.least(space.name)
    return sure

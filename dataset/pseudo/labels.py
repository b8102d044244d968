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

from dataset.pseudo.teacher import Teacher
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


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least confidence in [0, 1]: ``0.8`` in every label space, or ``mask:0.9, age:0.6``, others 0."""

    everywhere: float = 0.0
    of_space: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_text(cls, text: str) -> "Thresholds":
        if ":" not in text:
            return cls(convert(text, Fraction))
        least_of: dict[str, float] = {}

        for part in text.split(","):
            space, colon, least = (piece.strip() for piece in part.partition(":"))
            if not (space and colon):
                raise ValueError(f"{part.strip()!r} is not of the form SPACE:CONFIDENCE, such as age:0.6")
            if space in least_of:
                raise ValueError(f"{space} is there twice")
            try:
                least_of[space] = convert(least, Fraction)
            except ValueError as error:
                raise ValueError(f"the confidence of {space}: {error}") from None
        return cls(of_space=tuple(least_of.items()))

    def __str__(self) -> str:
        return ", ".join(f"{space}:{least}" for space, least in self.of_space) or str(self.everywhere)

    def least(self, space: str) -> float:
        """Return the least confidence of a label space."""
        return dict(self.of_space).get(space, self.everywhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoSettings:
    """More images to train on, labelled by a finished run with ``--mode pseudo``."""

    labels: Path | None = None  # that run's pseudo_labels.csv; {fold} in it = valid_fold; none = no images
    weight: Positive = 1.0  # of each such image against 1 for one that people have labelled
    min_confidence: Thresholds = Thresholds()  # from 0 to 1; less sure = not labelled in that label space
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
            ConfigError: a threshold's space is unknown, or a weight is given that has no place.
        """
        spaces = tuple(spaces)
        if self.labels is not None:
            refuse_numbers(spaces)

        kinds = {space.name: space.kind for space in spaces}
        for name, _ in self.min_confidence.of_space:
            try:
                check_space(name, kinds)
            except ValueError as error:
                raise ConfigError(f"[pseudo] min_confidence: {error}") from None

        unweighted = [name for name, kind in kinds.items() if kind != "one_of"]
        if self.labels is not None and self.weight != 1 and unweighted:
            raise ConfigError(
                f"[pseudo] weight = {self.weight:g}: an image counts fully in {unweighted[0]!r}, where any "
                "label may be present. Write weight = 1, and a min_confidence to take fewer images."
            )


def refuse_numbers(spaces: Iterable[Space]) -> None:
    """Refuse label spaces of which nobody can say how sure an answer is.

    Raises:
        ConfigError: there is one.
    """
    numeric = [space.name for space in spaces if space.numeric]
    if numeric:
        raise ConfigError(
            f"[pseudo] {numeric[0]!r} is a number, and a model does not say how sure it is of one: "
            "pseudo labels are for labels. Write labels = none in [pseudo]."
        )


def confidences(spaces: Iterable[Space], probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return how sure a model is of each image, (N) in [0, 1] by space.

    Of one right label it is the largest probability; where any may be right, the mean of max(p, 1 - p)
    over the labels, each of which is a yes or a no.
    """
    sureness = {}
    for space in spaces:
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
    one for which the task decides that there is none, such as on a level beyond its path in a hierarchy. In a
    space of any labels there is no such thing, and an image that is less sure is left out altogether.

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
    targets = chosen if settings.hard else probabilities
    targets = {name: (values * settings.weight).float() for name, values in targets.items()}

    # What is not labelled in a space has no target there: it teaches nothing.
    labelled = _sure(table, task.spaces, settings.min_confidence)
    for space in task.spaces:
        if space.kind == "one_of":
            labelled[space.name] &= chosen[space.name].any(dim=1)
        targets[space.name][~labelled[space.name]] = 0.0

    needed = [labelled[space.name] for space in task.spaces if space.kind != "one_of"]
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
        lines = [f"{table.rows[row].place}: {problem}" for row in wrong for problem in wrong[row]]
        raise DataError(listed(str(path), lines))
    return features.values


def summary(settings: PseudoSettings, table: TrainingTable) -> str:
    """Return a line for the log on how many images are trained on with the labels of a model."""
    labelled = ", ".join(
        f"{name} {int(values[table.rows].any(dim=1).sum())}" for name, values in table.targets.items()
    )
    return (
        f"Also trained on, never validated: {len(table.rows)} of the {len(table.files)} images of "
        f"{settings.labels} with a weight of {settings.weight:g} (labelled: {labelled})."
    )


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
            yield f"{row.place}: {row[FILE]} leads out of {dataset.root}{_ELSEWHERE}"
        elif not row[FILE] or not path.is_file():
            yield f"{row.place}: there is no image {path}"
        elif where in seen:
            yield f"{row.place}: {row[FILE]} can't be trained on: {seen[where]}"
        seen.setdefault(where, f"it stands in {row.place} already")

        if row[GROUP] in valid_groups:
            yield f"{row.place}: {row[FILE]} can't be trained on: its group {row[GROUP]!r} validates"
        yield from _wrong_numbers(row, task)


def _wrong_numbers(row: Row, task: Task) -> Iterator[str]:
    wrong = False
    for column in _columns(task):
        try:
            convert(row[column], Fraction)
        except ValueError as error:
            wrong = True
            yield f"{row.place}: {column}: {error}"
    for space in task.spaces:
        if not wrong and space.kind == "one_of":
            total = sum(float(row[f"{space.name}/{label}"]) for label in space.labels)
            if abs(total - 1) > _ROUNDED:
                yield f"{row.place}: the probabilities of {space.name} add up to {total:g} instead of 1"


def _probabilities(table: Table, space: Space) -> Tensor:
    """Return float64 (N, K); those of one right label add up to 1 exactly: a row's sum is its weight."""
    columns = [f"{space.name}/{label}" for label in space.labels]
    numbers = [[float(row[column]) for column in columns] for row in table.rows]
    probabilities = torch.tensor(numbers, dtype=torch.float64)
    return probabilities / probabilities.sum(dim=1, keepdim=True) if space.kind == "one_of" else probabilities


def _sure(table: Table, spaces: Sequence[Space], thresholds: Thresholds) -> dict[str, Tensor]:
    """Return which images (N) are sure enough in each space."""
    return {
        space.name: torch.tensor(
            [float(row[f"confidence/{space.name}"]) >= thresholds.least(space.name) for row in table.rows]
        )
        for space in spaces
    }

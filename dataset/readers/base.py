"""The common part of every data set: which images there are, whose, and with which labels; no pixel."""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.files.named_files import NamedFiles
from dataset.readers.folds import split
from dataset.readers.relabel import Cell
from dataset.tasks.base import Facts, Marked, Targets, Task
from utils.errors import ConfigError, DataError
from utils.registry import Registry
from utils.shortened import listing
from utils.texts import Texts, comparable


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """What is trained on: place i of all but ``rows`` is about image i; ``rows`` (M) are those in use."""

    files: Sequence[str]
    groups: Sequence[str]
    targets: Targets
    rows: NDArray[np.int64]

    def followed_by(self, more: "TrainingTable") -> "TrainingTable":
        """Return a table with the images of ``more`` after these."""
        return TrainingTable(
            (*self.files, *more.files),
            (*self.groups, *more.groups),
            {name: torch.cat([values, more.targets[name]]) for name, values in self.targets.items()},
            np.concatenate([self.rows, more.rows + len(self.files)]),
        )


class BaseDataset:
    """A table of labelled images: row i of every field is about the same image.

    A data set of another layout is a subclass in ``dataset/readers`` whose constructor reads the folder
    and calls this one. It asks ``task.encode`` for labels and never looks at a label itself.

    Args:
        root: the folder that ``files`` are relative to.
        files: (N) image files.
        groups: (N) whose image it is: never divided between training and validation.
        folds: (N) the fold in which an image validates.
        valid_fold: the fold held out in this run; ``check_fold`` tells whether there is one. None: all are
            trained on, and nothing validates.
        task: makes targets from ``labels`` and ``train_labels``.
        labels: (N) the organiser's labels: what is scored.
        train_labels: (N) the team's labels: what is trained on; None leaves an image out of training.
        skipped: what was left out of the table, a line each, for the log.
        notes: what else is to be said of it, a line each.
        facts: (N) what the table says of each image, as it stands there; none = nothing but its labels.

    Attributes:
        extra: images beside the table that are trained on too; nothing else knows of them.
        group_words: what one of the groups, and what several of them are called.
    """

    group_words: ClassVar[tuple[str, str]] = ("group", "groups")

    def __init__(
        self,
        *,
        root: Path,
        files: Sequence[str],
        groups: Sequence[str],
        folds: NDArray[np.int64],
        valid_fold: int,
        task: Task,
        labels: Sequence[Marked],
        train_labels: Sequence[Marked | None],
        skipped: Sequence[str] = (),
        notes: Sequence[str] = (),
        facts: Sequence[Facts] = (),
    ) -> None:
        if len(set(zip(groups, folds.tolist(), strict=True))) > len(set(groups)):
            raise ValueError("a group has images in two folds: training would see what validates")
        self.root = root
        self.files = NamedFiles(root, files)
        self.groups = Texts(groups)
        self.folds = folds.astype(np.min_scalar_type(-int(folds.max(initial=0)) - 1))
        self.targets: Targets = task.targets(labels)
        none: Marked = {space.name: () for space in task.spaces}
        trained: Targets = task.targets([none if m is None else m for m in train_labels])
        same = all(values.equal(trained[space]) for space, values in self.targets.items())
        self.train_targets = self.targets if same else trained  # in memory once, as a rule
        self.skipped, self.notes = tuple(skipped), tuple(notes)
        self._facts = facts
        self.usable = np.array([marked is not None for marked in train_labels])
        self._hold_out(valid_fold)
        self.extra: TrainingTable | None = None

    def _hold_out(self, fold: int | None) -> None:
        held_out = np.zeros(len(self.folds), dtype=np.bool_) if fold is None else self.folds == fold
        self.valid_fold = fold
        self.valid_rows = np.flatnonzero(held_out)
        self.train_rows = np.flatnonzero(~held_out & self.usable)

    def holding_out(self, fold: int | None) -> "BaseDataset":
        """Return the same table, from which no row was left out yet, with another fold to validate on."""
        other = copy.copy(self)
        other._hold_out(fold)
        return other

    def check_fold(self, fold: int | None, where: str) -> None:
        """Raise a ConfigError unless there is such a fold, or none is asked for; ``where`` says who asks."""
        there = sorted(set(self.folds.tolist()))
        if fold is not None and fold not in there:
            raise ConfigError(f"{where} = {fold} is not one of the folds: {listing(list(map(str, there)))}")

    @classmethod
    def label_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Return the names of all labels in the training table, for a task that does not know them.

        Args:
            arguments: those of the constructor, without ``task`` and ``seed``.

        Raises:
            ConfigError: this layout has no such list.
        """
        raise ConfigError(f"{cls.__name__} has no list of labels: write them in [task] labels = a, b, c")

    @classmethod
    def table_rows(cls, **arguments: Any) -> list[tuple[str, Facts]]:
        """Return where each row of the training table stands and what it says, for a task that asks all.

        Args:
            arguments: those of the constructor, without ``task`` and ``seed``.

        Raises:
            ConfigError: this layout has no such rows.
        """
        raise ConfigError(f"{cls.__name__} has no table with a row for each image: take CsvDataset")

    @property
    def names(self) -> list[str]:
        """The images' files (N) as they are compared: what a run calls them in what it writes of them."""
        return list(map(comparable, self.files))

    cells_are_read = False  # whether this layout has a relabel file

    def facts_of(self, row: int) -> dict[str, str]:
        """Return what the organiser says of one image: what the task's ``encode`` was given."""
        return dict(self._facts[row]) if self._facts else {}

    def profile(self, name: str) -> str:
        """Return the profile, as ``cells`` calls it, that a relabel file means by a name."""
        return name

    def of_group(self, fact: str) -> bool:
        """Return whether all images of a group have this fact in common, so that they are judged together."""
        return False

    def cells(self, row: int, facts: Facts) -> list[Cell]:
        """Return what a relabel file has to say so that an image has these facts; nothing if none can."""
        return []

    def without(self, bad: NDArray[np.int64]) -> None:
        """Leave these rows out of training and validation (their files could not be read).

        The rows of ``extra`` are counted on from those of the table.
        """
        self.train_rows = np.setdiff1d(self.train_rows, bad)
        self.valid_rows = np.setdiff1d(self.valid_rows, bad)
        if self.extra is not None:
            self.extra = replace(self.extra, rows=np.setdiff1d(self.extra.rows, bad - len(self.files)))

    @property
    def training(self) -> TrainingTable:
        """All images that are trained on, those of ``extra`` after the table's."""
        own = TrainingTable(self.files, self.groups, self.train_targets, self.train_rows)
        return own if self.extra is None else own.followed_by(self.extra)

    def fingerprint(self) -> str:
        """Return a digest of what is trained and validated on: files and their sizes, labels and split."""
        digest = hashlib.sha256(_names_and_sizes(self.files))
        for targets in (self.targets, self.train_targets):
            for values in targets.values():
                digest.update(values.numpy().tobytes())
        for rows in (self.train_rows, self.valid_rows):
            digest.update(rows.tobytes())
        if self.extra is not None:
            digest.update(_names_and_sizes(NamedFiles(self.root, self.extra.files)))
            digest.update(repr(tuple(self.extra.groups)).encode())
            for values in self.extra.targets.values():
                digest.update(values.numpy().tobytes())
            digest.update(self.extra.rows.tobytes())
        return digest.hexdigest()


def _names_and_sizes(files: NamedFiles) -> bytes:
    return repr(list(zip(files, files.sizes, strict=True))).encode()


def whose(groups: Sequence[str], words: tuple[str, str]) -> tuple[str, str]:
    """Return what one and several groups are called: ``words``, or images where each is its own group."""
    return words if len(set(groups)) < len(groups) else ("image", "images")


def deal(
    task: Task, labels: Sequence[Marked], groups: Sequence[str], folds: int, seed: int, *, stratified: bool
) -> NDArray[np.int64]:
    """Return a fold for each image: groups stay together, and labels are shared out if ``stratified``.

    Raises:
        DataError: there are fewer groups than folds.
    """
    if len(set(groups)) < folds:
        raise DataError(f"There are {len(set(groups))} usable images or groups of images for {folds} folds.")
    targets = task.targets(labels)
    has = np.hstack([space.strata(targets[space.name]) for space in task.spaces])
    return split(has, groups, folds, seed, stratified=stratified)


DATASETS: Registry[BaseDataset] = Registry("dataset", "dataset.readers", runtime=("root", "task", "seed"))

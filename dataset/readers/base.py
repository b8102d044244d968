"""The common part of every data set: which images there are, whose, and with which labels; no pixel."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.files.named_files import NamedFiles
from dataset.readers.asked import Reviewable
from dataset.readers.cases import WORDS, InCases
from dataset.readers.features import FeatureTable
from dataset.readers.training_table import TrainingTable as TrainingTable
from dataset.readers.training_table import digest
from dataset.tasks.base import Facts, Marked, Targets, Task
from utils.errors import ConfigError
from utils.registry import Registry
from utils.shortened import listing
from utils.texts import Texts, comparable


class BaseDataset(Reviewable, InCases):
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
        cases: (N) the case that each image is of, in one group; none = there are no cases.
        features: what a model sees of each image (N) beside its pixels.

    Attributes:
        extra: images beside the table that are trained on too; nothing else knows of them.
        group_words: what one of the groups, and what several of them are called.
    """

    group_words: tuple[str, str] = ("group", "groups")

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
        cases: Sequence[str] = (),
        features: FeatureTable | None = None,
    ) -> None:
        if len(set(zip(groups, folds.tolist(), strict=True))) > len(set(groups)):
            raise ValueError("a group has images in two folds: training would see what validates")

        self.root = root
        self.files = NamedFiles(root, files)
        self.groups, self.cases = Texts(groups), Texts(cases) if cases else None
        # Few bits are enough for a fold: tables may have millions of rows.
        self.folds = folds.astype(np.min_scalar_type(-int(folds.max(initial=0)) - 1))
        self.skipped, self.notes = tuple(skipped), tuple(notes)
        self._facts, self.features = facts, features

        self.targets: Targets = task.targets(labels)
        none: Marked = {space.name: () for space in task.spaces}
        trained: Targets = task.targets([none if m is None else m for m in train_labels])
        same = all(values.equal(trained[space]) for space, values in self.targets.items())
        self.train_targets = self.targets if same else trained  # in memory once, as a rule

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
        """Return the line of each row of the training table and what it says, for a task that asks all.

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
        seen = None if self.features is None else self.features.values
        table = TrainingTable(self.files, self.groups, self.train_targets, self.train_rows, seen)
        return table if self.extra is None else table.followed_by(self.extra)

    def fingerprint(self) -> str:
        """Return a digest of what is trained and validated on: files and their sizes, labels and split."""
        labels = (self.targets, self.train_targets)
        splits = (self.train_rows, self.valid_rows)
        return digest(self.files, labels, splits, self.extra, self.training.features)


def whose(groups: Sequence[str], words: tuple[str, str]) -> tuple[str, str]:
    """Return what one and several groups are called: ``words``, or images where each is its own group."""
    return words if words == WORDS or len(set(groups)) < len(groups) else ("image", "images")


DATASETS: Registry[BaseDataset] = Registry("dataset", "dataset.readers", runtime=("root", "task", "seed"))

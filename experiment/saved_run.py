"""A finished run as it can be judged without its weights: what it predicted, and what is right."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.readers.base import BaseDataset
from dataset.tasks.base import Logits, Targets, Task
from experiment.data import build_task, training_table
from experiment.finished_run import check_validated
from experiment.run_config import run_settings
from experiment.settings import Settings
from inference.saved import Validated
from utils.errors import ConfigError, DataError, listed

log = logging.getLogger("podium")


@dataclass(frozen=True, slots=True)
class Tables:
    """The training tables of several runs, each of which is read once however many runs have it."""

    read: dict[str, BaseDataset] = field(default_factory=dict)

    def of(self, settings: Settings, task: Task) -> BaseDataset:
        """Return the training table of a run, for its files and labels: its fold may be another one's."""
        chosen = [settings.chosen[name] for name in ("task", "dataset")]
        options = [{key: value.text for key, value in component.options.items()} for component in chosen]
        options[1].pop("valid_fold", None)
        names = [component.name for component in chosen]
        key = repr((settings.paths.data, names, options, settings.run.dealing_seed))
        if key not in self.read:
            log.info("Labels of: %s", settings.paths.data.absolute())
            self.read[key] = training_table(settings, task)
        return self.read[key]


def read_task(folder: Path, overrides: Sequence[str]) -> tuple[Settings, Task]:
    """Return the settings and the task of a run's folder, with ``overrides`` such as ``paths.data=...``."""
    settings = run_settings(folder, overrides)
    return settings, build_task(settings)


@dataclass(frozen=True)
class SavedRun:
    """A run, its task, what it said of the images that it validated, and the organiser's labels of these."""

    folder: Path
    settings: Settings
    task: Task
    validated: Validated
    targets: Targets
    dataset: BaseDataset  # of which ``rows`` are these images
    rows: NDArray[np.int64]

    @classmethod
    def read(cls, folder: Path, overrides: Sequence[str], tables: Tables | None = None) -> "SavedRun":
        """Return the run of a folder; the labels are those that its data folder has today.

        Args:
            overrides: texts such as ``paths.data=...``.
            tables: those that were read for other runs.

        Raises:
            ConfigError: it is a final fit, which validated nothing.
            DataError: its predictions can't be read, or the training table lacks some of their images.
        """
        check_validated(folder)
        settings, task = read_task(folder, overrides)
        validated = Validated.read(folder, task.spaces)
        dataset = (tables or Tables()).of(settings, task)

        row_of = {name: row for row, name in enumerate(dataset.names)}
        if missing := [f"{name} is not in it" for name in validated.ids if name not in row_of]:
            raise DataError(
                listed(
                    f"The training table in {dataset.root}, held against what {folder} predicted,", missing
                )
                + "\nName the data that it was trained on with --set paths.data=..."
            )
        rows = np.array([row_of[name] for name in validated.ids])
        targets = {name: values[torch.from_numpy(rows)] for name, values in dataset.targets.items()}
        return cls(folder, settings.resolved(task), task, validated, targets, dataset, rows)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each image that it validated."""
        return {name: row for row, name in enumerate(self.validated.ids)}

    def only(self, ids: Sequence[str]) -> "SavedRun":
        """Return the same run, as if it had validated only these images, in this order."""
        rows = [self.row_of[name] for name in ids]
        targets = {name: values[rows] for name, values in self.targets.items()}
        return replace(self, validated=self.validated.at(rows), targets=targets, rows=self.rows[rows])

    @property
    def logits(self) -> Logits:
        """Logits of its probabilities."""
        probabilities = self.validated.probabilities
        return {space.name: space.logits(probabilities[space.name]) for space in self.task.spaces}

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which of the images that are labelled (N) got a wrong answer."""
        return self.task.wrong(self.task.decide(self.logits), self.targets)


def shared(runs: Sequence[SavedRun]) -> list[SavedRun]:
    """Return the runs with the images that all of them validated, in the order of the first one.

    Raises:
        ConfigError: there is none, or they disagree on whose an image is or on its label.
    """
    first, *others = runs

    ids = [name for name in first.validated.ids if all(name in other.row_of for other in others)]
    if not ids:
        names = " and ".join(str(run.folder) for run in runs)
        by = "both" if len(runs) == 2 else "all of"
        raise ConfigError(
            f"No image was validated by {by} {names}: train them with the same seed, folds and valid_fold."
        )

    first, *others = [run.only(ids) for run in runs]
    labels, groups = first.task.captions(first.targets), first.validated.groups
    for other in others:
        facts = (
            ("label", labels, other.task.captions(other.targets)),
            ("group", groups, other.validated.groups),
        )

        problems = [
            f"{what} of {name}: {in_first!r} and {in_other!r}"
            for what, here, there in facts
            for name, in_first, in_other in zip(ids, here, there, strict=True)
            if in_first != in_other
        ]
        if problems:
            raise ConfigError(listed(f"{first.folder}, held against {other.folder},", problems))
    return [first, *others]

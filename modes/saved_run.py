"""A finished run as it can be judged without its weights: what it predicted, and what is right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.task import Logits, Targets, Task
from inference.saved import Validated
from modes.assemble import build_task, training_table
from modes.one_run import check_validated
from modes.read_settings import check, read_sections
from modes.settings import Settings
from utils.errors import DataError, listed


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run, its task, what it said of the images that it validated, and the organiser's labels of these."""

    folder: Path
    settings: Settings
    task: Task
    validated: Validated
    targets: Targets

    @classmethod
    def read(cls, folder: Path, overrides: Sequence[str]) -> "SavedRun":
        """Return the run of a folder; the labels are those that its data folder has today.

        Args:
            overrides: texts such as ``paths.data=...``.

        Raises:
            ConfigError: it is a final fit, which validated nothing.
            DataError: its predictions can't be read, or the training table lacks some of their images.
        """
        check_validated(folder)
        path = folder / "config.ini"
        settings = check(read_sections(path, overrides), str(path))
        task = build_task(settings)
        validated = Validated.read(folder, task.spaces)
        dataset = training_table(settings, task)
        row_of = {file: row for row, file in enumerate(dataset.files)}
        if missing := [f"{name} is not in it" for name in validated.ids if name not in row_of]:
            raise DataError(
                listed(
                    f"The training table in {dataset.root}, held against what {folder} predicted,", missing
                )
                + "\nName the data that it was trained on with --set paths.data=..."
            )
        rows = torch.tensor([row_of[name] for name in validated.ids])
        targets = {name: values[rows] for name, values in dataset.targets.items()}
        return cls(folder, settings.resolved(task), task, validated, targets)

    def only(self, ids: Sequence[str]) -> "SavedRun":
        """Return the same run, as if it had validated only these images, in this order."""
        row_of = {name: row for row, name in enumerate(self.validated.ids)}
        rows = [row_of[name] for name in ids]
        targets = {name: values[rows] for name, values in self.targets.items()}
        return replace(self, validated=self.validated.at(rows), targets=targets)

    @property
    def logits(self) -> Logits:
        """Logits of its probabilities."""
        probabilities = self.validated.probabilities
        return {space.name: space.logits(probabilities[space.name]) for space in self.task.spaces}

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which of the images that are labelled (N) got a wrong answer."""
        return self.task.wrong(self.task.decide(self.logits), self.targets)

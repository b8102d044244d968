"""A finished run without training: its folder, with predictions that a test makes up."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from dataset.readers.base import BaseDataset
from dataset.tasks.base import Task
from experiment.data import build_task, training_table
from experiment.read_settings import read_sections, settings_from
from experiment.run_folder import FINISHED
from inference.inferrer import write_probabilities
from inference.saved import PREDICTED, digests
from utils.durable import write_json, write_text
from utils.ini import format_ini
from utils.read_json import read_json

Probabilities = dict[str, np.ndarray]


def finished_run(
    config: Path, version: str, said: Callable[[Task, BaseDataset, Probabilities], Mapping[str, np.ndarray]]
) -> Path:
    """Return the folder of a run of all folds, by a config whose training it skips.

    Args:
        said: what is predicted, float (N, K) by space, from 0.9 on what is right, and from true numbers.
    """
    settings = settings_from(read_sections(config), str(config))
    task = build_task(settings)
    dataset = training_table(settings, task)
    right = {}
    for space in task.spaces:
        targets = dataset.targets[space.name].numpy()
        if space.numeric:
            right[space.name] = targets
            continue
        off = 0.1 if space.kind == "any_of" else 0.1 / (targets.shape[1] - 1)
        right[space.name] = np.where(targets > 0, 0.9, off)
    folder = settings.paths.runs / settings.run.name / version
    folder.mkdir(parents=True)
    ids = [
        (file, str(fold), group)
        for file, fold, group in zip(dataset.files, dataset.folds, dataset.groups, strict=True)
    ]
    found = {name: torch.from_numpy(values) for name, values in said(task, dataset, right).items()}
    write_probabilities(folder / "out_of_fold.csv", PREDICTED, ids, task, found)
    write_text(folder / "config.ini", format_ini(settings.texts()))
    write_json(folder / "environment.json", {})
    write_json(folder / FINISHED, {"scores": {}})
    return folder


def seal(table: Path) -> None:
    """Let a run's scores.json say that a table which a test has changed is what the run wrote."""
    scores = read_json(table.with_name(FINISHED))
    write_json(table.with_name(FINISHED), scores | digests(table.parent))

"""The folds of a layout that names none: images are dealt out by their labels and groups."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dataset.readers.folds import split
from dataset.tasks.base import Marked, Task
from utils.errors import DataError


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

"""Predictions that runs have written, read again and joined."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dataset.spaces import Space
from inference.mean import mean_probabilities
from utils.errors import DataError, listed
from utils.tables import read_table

Ids = tuple[tuple[str, ...], ...]  # of each image the values of the first columns


@dataclass(frozen=True, slots=True)
class SavedPredictions:
    """What ``write_probabilities`` wrote: each image's first columns, and float64 (N, K) by space."""

    path: Path
    ids: Ids
    probabilities: dict[str, Tensor]

    @classmethod
    def read(cls, path: Path, id_columns: Sequence[str], spaces: Sequence[Space]) -> "SavedPredictions":
        """Return the predictions in a file.

        Raises:
            DataError: it is missing or has other columns, or a probability is not in [0, 1].
        """
        columns = {space.name: [f"{space.name}/{label}" for label in space.labels] for space in spaces}
        rows = read_table(path, [*id_columns, *(name for names in columns.values() for name in names)]).rows
        found = {}
        for space, names in columns.items():
            try:
                values = [[float(row[name]) for name in names] for row in rows]
            except ValueError as error:
                raise DataError(f"{path}: {error}.") from None
            found[space] = torch.tensor(values, dtype=torch.float64)
            if not bool(((found[space] >= 0) & (found[space] <= 1)).all()):
                raise DataError(f"{path}: a probability of {space} is not from 0 to 1.")
        return cls(path, tuple(tuple(row[column] for column in id_columns) for row in rows), found)


def out_of_fold(folds: Sequence[Sequence[SavedPredictions]]) -> tuple[Ids, dict[str, Tensor]]:
    """Return the ids and the probabilities of all folds, of each the mean of its models, fold after fold.

    Raises:
        DataError: a fold's models predicted different images; or an image (the first column) is in two
            folds.
    """
    for first, *others in folds:
        for other in others:
            if other.ids != first.ids:
                raise DataError(
                    f"{first.path} and {other.path} do not hold the same images in the same order."
                )
    ids = tuple(identity for first, *_ in folds for identity in first.ids)
    twice = [name for name, count in Counter(identity[0] for identity in ids).items() if count > 1]
    if twice:
        where = ", ".join(str(first.path) for first, *_ in folds)
        raise DataError(listed(where, [f"{name} is in more than one fold" for name in twice]))
    means = [mean_probabilities([model.probabilities for model in models]) for models in folds]
    return ids, {space: torch.cat([mean[space] for mean in means]) for space in means[0]}

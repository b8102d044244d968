"""Predictions that runs have written, read again and joined."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.tasks.spaces import Space
from inference.mean import mean_probabilities
from inference.saved_table import Ids, read_plain, read_with_lines
from inference.scores_file import FILE as SCORES
from inference.scores_file import read_scores
from utils.durable import sha256_of_text, write_json
from utils.errors import DataError, listed
from utils.forms import TEXT, by_name
from utils.read_json import read_json

PREDICTED = ("id", "fold", "group")  # the first columns of what a run says of images that it validated
SPLIT, VALIDATED = "split.csv", "valid_predictions.csv"
OUT_OF_FOLD = "out_of_fold.csv"
_FILES = (OUT_OF_FOLD, VALIDATED)  # the first one that was written
_WRITTEN = {"files": by_name(TEXT)}  # in a file that write_digest wrote


@dataclass(frozen=True, slots=True)
class SavedPredictions:
    """A file of predictions: each image's first columns, and its probabilities, float64 (N, K) by space."""

    path: Path
    ids: Ids
    probabilities: dict[str, Tensor]

    @classmethod
    def read(cls, path: Path, id_columns: Sequence[str], spaces: Sequence[Space]) -> "SavedPredictions":
        """Return the predictions in a file.

        Raises:
            DataError: it is missing; or lists columns that are missing or of other labels, images (the
                first column) that are there twice, and what is no probability; or it was changed since.
        """
        labels = [f"{space.name}/{label}" for space in spaces for label in space.labels]
        numbers = {f"{space.name}/{label}" for space in spaces if space.numeric for label in space.labels}
        plain = read_plain(path, id_columns, labels, numbers)
        ids, values, wrong = (*plain, []) if plain else read_with_lines(path, id_columns, labels, numbers)

        counts = Counter(identity[0] for identity in ids)
        problems = [f"{name} is there {count} times" for name, count in counts.items() if count > 1]
        if problems or wrong:
            raise DataError(listed(str(path), problems + wrong))
        refuse_changed(path)

        ends = np.cumsum([len(space.labels) for space in spaces])
        parts = map(torch.tensor, np.split(values, ends[:-1], axis=1))
        return cls(path, ids, {space.name: part for space, part in zip(spaces, parts, strict=True)})


@dataclass(frozen=True, slots=True)
class Validated:
    """What a run said of the N images that it validated, by models that were not trained on them."""

    ids: tuple[str, ...]
    folds: tuple[str, ...]
    groups: tuple[str, ...]
    probabilities: Mapping[str, Tensor]  # float64 (N, K) by space

    @classmethod
    def read(cls, folder: Path, spaces: Sequence[Space]) -> "Validated":
        """Return what stands in a run's folder: of all folds, or of the one that it held out.

        Raises:
            DataError: as ``SavedPredictions.read``.
        """
        saved = SavedPredictions.read(validated_file(folder), PREDICTED, spaces)
        ids, folds, groups = zip(*saved.ids, strict=True)
        return cls(ids, folds, groups, saved.probabilities)

    def at(self, rows: Sequence[int]) -> "Validated":
        """Return what it said of some of the images, in this order."""
        ids, folds, groups = (
            tuple(values[i] for i in rows) for values in (self.ids, self.folds, self.groups)
        )
        return Validated(
            ids, folds, groups, {name: values[rows] for name, values in self.probabilities.items()}
        )


def validated_file(folder: Path) -> Path:
    """Return where a run's folder says what it said of the images that it validated, also if it is gone.

    Raises:
        DataError: what says which tables were written is damaged.
    """
    return next((folder / name for name in _FILES if was_written(folder / name)), folder / _FILES[-1])


def validated_something(folder: Path) -> bool:
    """Tell whether a run has validated images: a final fit has not.

    Raises:
        DataError: as ``validated_file``.
    """
    return was_written(validated_file(folder))


def is_out_of_fold(folder: Path) -> bool:
    """Tell whether a run's scores are of all folds, rather than of the one that it held out.

    Raises:
        DataError: as ``validated_file``.
    """
    return validated_file(folder).name == OUT_OF_FOLD


def was_written(path: Path) -> bool:
    """Tell whether a run wrote a table: scores.json beside it says so, also of one that is gone by now.

    So that a table which is missing is missed by its reader, and not taken for one that never was.

    Raises:
        DataError: scores.json is damaged.
    """
    if path.exists():
        return True
    return path.with_name(SCORES).exists() and path.name in read_scores(path.parent).get("files", {})


def digests(folder: Path) -> dict[str, dict[str, str]]:
    """Return for scores.json the SHA-256 of the tables that a run's folder is judged by."""
    tables = [folder / name for name in (*_FILES, SPLIT) if (folder / name).exists()]
    return {"files": {table.name: sha256_of_text(table) for table in tables}}


def write_digest(path: Path, *more: Path) -> None:
    """Write beside a table what it is, and those of ``more`` that are there, where no scores.json says so."""
    tables = [path, *(table for table in more if table.exists())]
    write_json(path.with_suffix(".json"), {"files": {table.name: sha256_of_text(table) for table in tables}})


def refuse_changed(path: Path, *more: Path) -> None:
    """Refuse a table that is no longer what was written; of one from before there were digests nobody knows.

    Args:
        more: tables that were written with it, if they were: one that is gone is refused as well.

    Raises:
        DataError: it is not, or what says so is damaged.
    """
    if not path.exists():  # which is for its reader to say
        return
    for record in (path.with_name(SCORES), path.with_suffix(".json")):
        if not record.exists():
            continue
        facts = read_scores(path.parent) if record.name == SCORES else read_json(record, form=_WRITTEN)
        digest = facts.get("files", {}).get(path.name)
        if digest is not None and digest != sha256_of_text(path):
            raise _changed(path, record)
        for table in more:
            digest = facts.get("files", {}).get(table.name)
            if digest is not None and not (table.exists() and digest == sha256_of_text(table)):
                raise _changed(table, record)


def _changed(table: Path, facts: Path) -> DataError:
    what = f"is gone, which {facts.name} beside it says was written."
    if table.exists():
        what = f"is damaged or was edited: it is not what {facts.name} beside it says was written."
    return DataError(f"{table} {what} Bring it back from a copy, or write it anew.")


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

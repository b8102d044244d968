"""Where a decoder's queries come from: random numbers, or a vector for the words of each label."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from utils.convert import convert
from utils.doubles import keep_one
from utils.errors import DataError, closest, listed
from utils.tables import read_table

_LABEL = "label"


class Queries(nn.Module):
    """Random queries (Q, D), trained or not; in both cases they are saved with the weights."""

    vectors: Tensor

    def __init__(self, count: int, width: int, *, learned: bool) -> None:
        super().__init__()
        vectors = torch.randn(count, width)
        if learned:
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)

    def forward(self) -> Tensor:
        """Return (Q, D)."""
        return self.vectors


class LabelQueries(nn.Module):
    """A query (K, D) for each label: a linear layer on the vector (K, V) that a file has for its name.

    The vectors are saved with the weights, and those of a checkpoint take the place of the file's.

    Args:
        path: a CSV with the column ``label`` and V others.
        fresh: False when a checkpoint's vectors follow, so that the file may be gone or changed.
    """

    vectors: Tensor

    def __init__(self, path: Path, names: Sequence[str], width: int, *, fresh: bool) -> None:
        super().__init__()
        try:
            vectors = torch.tensor(read_vectors(path, names))
        except ValueError:  # DataError is one
            if fresh:
                raise
            vectors = torch.zeros(len(names), 1)  # until the checkpoint's
        self.register_buffer("vectors", vectors)
        self.project = nn.Linear(vectors.shape[1], width)

    def forward(self) -> Tensor:
        """Return (K, D)."""
        queries: Tensor = self.project(self.vectors)
        return queries

    def _load_from_state_dict(self, state: Mapping[str, Any], prefix: str, *others: Any) -> None:
        saved = state.get(f"{prefix}vectors")
        if saved is not None and saved.shape[1] != self.vectors.shape[1]:
            weight, values = self.project.weight, saved.shape[1]
            self.vectors = self.vectors.new_zeros(len(self.vectors), values)
            weight.data = weight.new_zeros(len(weight), values)  # still the parameter that an optimiser has
            self.project.in_features = values
        super()._load_from_state_dict(state, prefix, *others)


def read_vectors(path: Path, names: Sequence[str]) -> list[list[float]]:
    """Return the vector of each label, in the order of ``names``; the file may have others too.

    Raises:
        ValueError: there is no such file.
        DataError: lists labels that the file lacks or has twice, and what is no number; or its lines with
            more or fewer values than columns.
    """
    if not path.is_file():
        raise ValueError(f"queries = {path} is neither fixed nor learned, and there is no such file")

    table = read_table(path, (_LABEL,))
    doubles = keep_one(table.rows, lambda row: row[_LABEL])
    columns = [column for column in table.columns if column != _LABEL]
    problems = [] if columns else [f"there is no column of values beside {_LABEL!r}"]

    vectors: dict[str, list[float]] = {}
    for row in doubles.rows:
        if row[_LABEL] in vectors:
            clash = doubles.clashes[row.line]
            problems.append(f"{row.line}: label {row[_LABEL]!r} stands further up too: {clash}")
        vectors[row[_LABEL]] = values = []
        for column in columns:
            try:
                values.append(convert(row[column], float))
            except ValueError as error:
                problems.append(f"{row.line}: {column}: {error}")

    for name in names:
        if name not in vectors:
            near = closest(name, vectors.keys() - set(names))
            hint = f" Did you mean {near!r}?" if near else ""
            problems.append(f"there is no line for the label {name!r}.{hint}")

    if problems:
        raise DataError(listed(str(path), problems))
    return [vectors[name] for name in names]

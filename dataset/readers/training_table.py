"""What a run is trained on, and the digest by which two runs are known to have the same of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.files.named_files import NamedFiles
from dataset.tasks.base import Targets


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


def digest(
    files: NamedFiles,
    labels: Sequence[Targets],
    splits: Sequence[NDArray[np.int64]],
    extra: TrainingTable | None,
) -> str:
    """Return a digest of images: of their files and sizes, labels and split.

    Args:
        extra: images beside those, in the same folder.
    """
    whole = hashlib.sha256(_names_and_sizes(files))
    for targets in labels:
        for values in targets.values():
            whole.update(values.numpy().tobytes())
    for rows in splits:
        whole.update(rows.tobytes())

    if extra is not None:
        whole.update(_names_and_sizes(NamedFiles(files.root, extra.files)))
        whole.update(repr(tuple(extra.groups)).encode())
        for values in extra.targets.values():
            whole.update(values.numpy().tobytes())
        whole.update(extra.rows.tobytes())
    return whole.hexdigest()


def _names_and_sizes(files: NamedFiles) -> bytes:
    return repr(list(zip(files, files.sizes, strict=True))).encode()

"""What a run is trained on, and the digest by which two runs are known to have the same of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.files.named_files import NamedFiles
from dataset.tasks.base import Targets


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """What is trained on: place i of all but ``rows`` is about image i; ``rows`` (M) are those in use."""

    files: Sequence[str]
    groups: Sequence[str]
    targets: Targets
    rows: NDArray[np.int64]
    features: Tensor | None = None  # (N, D) what else a model sees of each image

    def followed_by(self, more: "TrainingTable") -> "TrainingTable":
        """Return a table with the images of ``more`` after these."""
        return TrainingTable(
            (*self.files, *more.files),
            (*self.groups, *more.groups),
            {name: torch.cat([values, more.targets[name]]) for name, values in self.targets.items()},
            np.concatenate([self.rows, more.rows + len(self.files)]),
            None if self.features is None else torch.cat([self.features, given(more.features)]),
        )


def digest(
    files: NamedFiles,
    labels: Sequence[Targets],
    splits: Sequence[NDArray[np.int64]],
    extra: TrainingTable | None,
    features: Tensor | None = None,
) -> str:
    """Return a digest of images: of their files and sizes, labels and split.

    Args:
        extra: images beside those, in the same folder.
        features: what else a model sees of them all.
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
    if features is not None:
        whole.update(features.numpy().tobytes())
    return whole.hexdigest()


def given(features: Tensor | None) -> Tensor:
    """Return what a model sees of images beside their pixels, where it needs that."""
    if features is None:
        raise ValueError("nothing but their files is known of these images")
    return features


def _names_and_sizes(files: NamedFiles) -> bytes:
    return repr(list(zip(files, files.sizes, strict=True))).encode()

"""Images with what a table says of each, for a model that sees both."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.images.store import ImageSource


class FeaturedSource:
    """A source of images that also has the columns of a table.

    Args:
        source: of N images.
        features: float (N, D).
    """

    def __init__(self, source: ImageSource, features: Tensor) -> None:
        if len(source) != len(features):
            raise ValueError(f"{len(features)} rows of features for {len(source)} images")
        self.source, self.features = source, features
        self.bad, self.missed, self.remarks = source.bad, source.missed, source.remarks

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Tensor:
        return self.source.batch(rows, pinned=True) if pinned else self.source.batch(rows)


def with_features(source: ImageSource, features: Tensor | None) -> ImageSource:
    """Return images with what a table says of them; without that, themselves."""
    return source if features is None else FeaturedSource(source, features)


def features_of(source: ImageSource, rows: NDArray[np.int64]) -> Tensor | None:
    """Return what the table says of some rows, float (M, D); None where a model sees images alone."""
    if not isinstance(source, FeaturedSource):
        return None
    return source.features[torch.from_numpy(np.ascontiguousarray(rows))]

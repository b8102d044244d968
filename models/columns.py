"""What a table says of an image beside its pixels: brought to one scale, and joined to the features.

The values (N, D) of a column are, for a number: it, and 1 where it is missing; for words: 1 for the word that
it is, and 1 where it is missing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def width_of(words: Sequence[int]) -> int:
    """Return D of columns, of each of which it is said how many words it has, 0 for a number."""
    return sum(max(1, count) + 1 for count in words)


class Columns(nn.Module):
    """Numbers with mean 0 and deviation 1 among the images that are trained on; the rest as it is.

    A word that none of these images has, and "missing" where none is, count for nothing: no weight has learnt
    of them. Mean and scale are kept with the weights: whoever loads them can't take others.

    Args:
        words: how many words each column has, 0 for a number.
    """

    mean: Tensor  # (D)
    scale: Tensor  # (D)
    missing: Tensor  # (D) where it stands that the value is missing

    def __init__(self, words: Sequence[int]) -> None:
        super().__init__()
        self.words, self.width = tuple(words), width_of(words)
        self.register_buffer("mean", torch.zeros(self.width))
        self.register_buffer("scale", torch.ones(self.width))
        ends = [width_of(self.words[: number + 1]) for number in range(len(self.words))]
        missing = [
            end - 1 for end, count in zip(ends, self.words, strict=True) for _ in range(max(1, count) + 1)
        ]
        self.register_buffer("missing", torch.tensor(missing), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return values (N, D) as the heads see them."""
        there = 1 - values[:, self.missing]
        return (values - self.mean * there) * self.scale

    def beside(self, features: Tensor, values: Tensor) -> Tensor:
        """Return features (N, F), or tokens (N, T, F), with the values (N, D) behind each."""
        seen = self(values.float())
        if features.ndim == 3:
            seen = seen[:, None].expand(-1, features.shape[1], -1)
        return torch.cat([features, seen], dim=-1)

    @torch.no_grad()
    def learn(self, values: Tensor) -> list[int]:
        """Take mean and deviation of what is trained on, (M, D); return which columns are constant there."""
        values = values.double()
        seen = (values != 0).any(dim=0).double()
        mean, scale, constant, start = torch.zeros_like(seen), seen.clone(), [], 0

        for number, count in enumerate(self.words):
            end = start + max(1, count) + 1
            if count:
                of_column = values[:, start:end]
                constant += [number] if bool((of_column == of_column[:1]).all()) else []
            else:
                there = values[values[:, end - 1] == 0, start]
                alike = bool((there == there[:1]).all())  # a mean of equal numbers may be off in its last bit
                spread = 0.0 if alike else float(there.std(correction=0))
                mean[start] = there.mean() if len(there) else 0.0
                scale[start] = 1 / spread if spread > 0 else 0.0
                constant += [number] if not spread and not seen[end - 1] else []
            start = end
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        return constant


def given(values: Tensor | None) -> Tensor:
    """Return what is said of images, for a model that needs it."""
    if values is None:
        raise TypeError("this model needs a table's columns beside the images")
    return values


def columns_of(model: nn.Module) -> Columns | None:
    """Return what brings a table's columns into a model; None where it sees images alone."""
    return next((module for module in model.modules() if isinstance(module, Columns)), None)


def with_blank(model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """Return what a model is called with for these images (N, 3, H, W), where nothing is said of them."""
    columns = columns_of(model)
    return (
        (images,) if columns is None else (images, torch.zeros(len(images), columns.width).to(images.device))
    )

"""A label space: one question about an image and the labels that may answer it."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from utils.errors import closest


@dataclass(frozen=True)
class Space:
    """A named, ordered set of labels; ``kind`` tells a loss what its targets mean."""

    name: str
    labels: tuple[str, ...]

    kind = "abstract"

    def targets(self, marked: list[tuple[int, ...]]) -> Tensor:
        """Return float (N, K) with a 1 for each marked label index; an empty tuple is a row of zeros."""
        targets = torch.zeros(len(marked), len(self.labels))
        for row, indices in enumerate(marked):
            targets[row, list(indices)] = 1.0
        return targets

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probability of each label in [0, 1], float32 (N, K)."""
        raise NotImplementedError

    def decide(self, logits: Tensor) -> Tensor:
        """Return the chosen labels as bool (N, K)."""
        raise NotImplementedError


@dataclass(frozen=True)
class OneOf(Space):
    """Exactly one label is right (softmax); a target row of zeros means "not labelled"."""

    kind = "one_of"

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.float().softmax(dim=1)

    def decide(self, logits: Tensor) -> Tensor:
        best = logits.argmax(dim=1, keepdim=True)
        return torch.zeros_like(logits, dtype=torch.bool).scatter_(1, best, True)


def check_space(space: str, spaces: Iterable[str]) -> None:
    """Raise ValueError, with the nearest name, unless ``space`` is one of ``spaces``."""
    names = tuple(spaces)
    if space not in names:
        near = closest(space, names)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"space {space!r} is not one of {', '.join(names)}.{hint}")

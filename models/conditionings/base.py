"""What the head of one label space may know of the answers in the others."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from utils.registry import Registry

MakeHead = Callable[[str, int], nn.Module]  # label space and F to its head: features (N, F) to logits (N, K)


class Conditioning(nn.ModuleDict):
    """A head for each label space, and how one depends on another; one file in ``models/conditionings``.

    The order of the spaces is the task's: in a hierarchy from coarse to fine.

    Attributes:
        tokens: whether heads on tokens (N, T, F) may be among them.
        mixes: whether logits after the first space are a mixture's, no longer what a head gave.
    """

    tokens: ClassVar[bool] = False
    mixes: ClassVar[bool] = False

    def forward(self, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return logits (N, K) by space, in the order of the spaces.

        Args:
            seen: what each space's head sees of the images: features (N, F), or tokens (N, T, F).
        """
        raise NotImplementedError


class Chain(Conditioning):
    """Each head sees the image's features and, behind them, the probabilities (N, K) of the space before.

    These are softmax probabilities, not logits: a linear head on features and their linear logits would be
    a linear head on the features. Gradients flow through them, so that an image with a label at one level
    only teaches the heads before it as well.

    Args:
        features: F by space.
        labels: K by space.
        make_head: what makes a space's head.
        order: of the spaces, from the one that sees only features.
    """

    def __init__(
        self,
        *,
        features: Mapping[str, int],
        labels: Mapping[str, int],
        make_head: MakeHead,
        order: tuple[str, ...],
    ) -> None:
        check_spaces(order)
        more = {space: labels[before] for before, space in pairwise(order)}
        super().__init__(
            {space: make_head(space, width + more.get(space, 0)) for space, width in features.items()}
        )
        self._order = order

    def forward(self, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        by_space: dict[str, Tensor] = {}
        before: Tensor | None = None  # logits
        for space in self._order:
            inputs = seen[space]
            if before is not None:
                inputs = torch.cat([inputs, before.float().softmax(dim=1).to(inputs.dtype)], dim=1)
            before = by_space[space] = self[space](inputs)
        return {space: by_space[space] for space in self}


def check_spaces(spaces: tuple[str, ...]) -> None:
    """Raise ValueError unless there is a space for another one to depend on."""
    if len(spaces) < 2:
        raise ValueError(
            f"the task has one label space ({', '.join(spaces)}): there is no other one to depend on; "
            "write name = Independent, or leave the section out"
        )


# ``features`` is F by space, ``labels`` K by space, ``make_head`` a function that makes a space's head.
CONDITIONINGS: Registry[Conditioning] = Registry(
    "conditioning", "models.conditionings", runtime=("features", "labels", "make_head")
)

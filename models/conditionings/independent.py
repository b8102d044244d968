"""Heads that know nothing of each other."""

from collections.abc import Mapping

from torch import Tensor

from models.conditionings.base import CONDITIONINGS, Conditioning, MakeHead


@CONDITIONINGS.register
class Independent(Conditioning):
    """Each head sees the image's features and nothing else."""

    tokens = True

    def __init__(self, *, features: Mapping[str, int], make_head: MakeHead) -> None:
        super().__init__({space: make_head(space, width) for space, width in features.items()})

    def forward(self, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {space: head(seen[space]) for space, head in self.items()}

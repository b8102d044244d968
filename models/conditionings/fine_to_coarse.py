"""Heads in a chain, from the last label space to the first."""

from collections.abc import Mapping

from models.conditionings.base import CONDITIONINGS, Chain, MakeHead


@CONDITIONINGS.register
class FineToCoarse(Chain):
    """Each head sees the features and the probabilities of the level below.

    Going from small to large categories scored best for a team of a competition with three levels.
    """

    def __init__(
        self, *, features: Mapping[str, int], labels: Mapping[str, int], make_head: MakeHead
    ) -> None:
        super().__init__(features=features, labels=labels, make_head=make_head, order=tuple(features)[::-1])

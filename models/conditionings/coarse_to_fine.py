"""Heads in a chain, from the first label space to the last."""

from collections.abc import Mapping

from models.conditionings.base import CONDITIONINGS, Chain, MakeHead


@CONDITIONINGS.register
class CoarseToFine(Chain):
    """Each head sees the features and the probabilities of the level above: what it is, then which one."""

    def __init__(
        self, *, features: Mapping[str, int], labels: Mapping[str, int], make_head: MakeHead
    ) -> None:
        super().__init__(features=features, labels=labels, make_head=make_head, order=tuple(features))

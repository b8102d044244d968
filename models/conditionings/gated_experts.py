"""A classifier of the fine labels for each coarse label, weighed by how likely that one is."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from models.conditionings.base import CONDITIONINGS, Conditioning, MakeHead, check_spaces


class _Experts(nn.ModuleList):
    """Features (N, F) to the experts' log-probabilities (N, experts, K)."""

    def forward(self, features: Tensor) -> Tensor:
        return torch.stack([expert(features).float().log_softmax(dim=1) for expert in self], dim=1)


@CONDITIONINGS.register
class GatedExperts(Conditioning):
    """p(fine) = sum over coarse labels c of p(c) * p of expert c (fine): HD-CNN with shared features.

    Each level after the first has as many heads as the level above has labels, so the weights grow with
    the product of the two. Its logits are the logarithm of the mixture: their softmax is the mixture. In a
    third level the gate is the second level's mixture. Every expert knows every fine label, while the
    paper's know those that were confused within their coarse label; gradients reach the gate as well.

    Source: Yan et al., 2015, https://arxiv.org/abs/1410.0736, equation 1.
    """

    mixes = True

    def __init__(
        self, *, features: Mapping[str, int], labels: Mapping[str, int], make_head: MakeHead
    ) -> None:
        spaces = tuple(features)
        check_spaces(spaces)
        heads: dict[str, nn.Module] = {spaces[0]: make_head(spaces[0], features[spaces[0]])}
        for gate, space in pairwise(spaces):
            heads[space] = _Experts(make_head(space, features[space]) for _ in range(labels[gate]))
        super().__init__(heads)

    def forward(self, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        by_space: dict[str, Tensor] = {}
        gate: Tensor | None = None  # log-probabilities (N, labels of the level above)
        for space, head in self.items():
            logits = head(seen[space])
            if gate is not None:
                logits = (gate.unsqueeze(2) + logits).logsumexp(dim=1)
            gate = logits.float().log_softmax(dim=1)
            by_space[space] = logits
        return by_space

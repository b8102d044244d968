"""Queries that look at the places of an image: one for each group of labels, or for each label's words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from models.heads.base import HEADS, Head
from models.queries import LabelQueries, Queries
from utils.convert import DropRate, Few, Width
from utils.errors import unknown_name

_NEVER = -100.0  # a logit whose probability is 0 in float32, and its gradient


@HEADS.register
class MLDecoder(Head):
    """ML-Decoder (Ridnik et al., 2021, https://arxiv.org/abs/2111.12933): a decoder without self-attention.

    Each query attends to the tokens of the feature map, goes through a feed-forward layer, and gives the
    logits of its group of labels (group fully connected, section 3.3). With ``queries`` a file each label
    has a query of its own, made from the words' vector, and all share the output weights, so that a label
    can be predicted that no training image has (zero-shot, section 3.4). The image's features at each place
    are needed: FusedBackbones has none. [model] dropout is for pooled features; this head has its own.

    Args:
        width: of queries and tokens; a multiple of ``attention_heads``.
        attention_heads: of the attention to the tokens; each sees an equal part of ``width``.
        feedforward: width of the feed-forward layer.
        dropout: probability, in the decoder.
        groups: queries; at most the number of labels. A file's queries are one for each label instead.
        queries: ``fixed`` (random, not trained, as published), ``learned``, or a CSV with the columns
            ``label`` and any number of values. A checkpoint holds the vectors: predicting needs no file.
        unseen: labels that no training image has. In training they get no logits, or the model would learn
            that they are always wrong and never say them.
    """

    pooled = False

    def __init__(
        self,
        *,
        features: int,
        labels: int,
        label_names: Sequence[str] = (),
        fresh: bool = True,
        width: Width = 768,
        attention_heads: Few = 8,
        feedforward: Width = 2048,
        dropout: DropRate = 0.1,
        groups: Few = 100,
        queries: Literal["fixed", "learned"] | Path = "fixed",
        unseen: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        if width % attention_heads:
            raise ValueError(f"width = {width} is not a multiple of attention_heads = {attention_heads}")

        self.labels = labels

        never = torch.zeros(labels, dtype=torch.bool)
        never[_indices(unseen, label_names, queries)] = True
        self.never: Tensor | None
        self.register_buffer("never", never if unseen else None, persistent=False)

        shared = isinstance(queries, Path)
        count = labels if shared else min(groups, labels)
        self.embed = nn.Sequential(nn.Linear(features, width), nn.ReLU())
        self.queries: nn.Module
        if isinstance(queries, Path):
            self.queries = LabelQueries(queries, label_names, width, fresh=fresh)
        else:
            self.queries = Queries(count, width, learned=queries == "learned")

        self.attention = nn.MultiheadAttention(width, attention_heads, dropout, batch_first=True)
        self.feedforward = nn.Sequential(
            nn.Linear(width, feedforward), nn.ReLU(), nn.Dropout(dropout), nn.Linear(feedforward, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

        # The group fully connected layer: (groups, labels of each, width), or one row that all share.
        each = -(-labels // count)
        self.weight = nn.Parameter(torch.empty(1 if shared else count, each, width))
        self.bias = nn.Parameter(torch.zeros(1 if shared else labels))
        nn.init.normal_(self.weight, std=(2 / (width + each)) ** 0.5)  # Glorot, of each group by itself

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (N, K) of tokens (N, T, C)."""
        tokens = self.embed(tokens)
        queries = self.queries().expand(tokens.shape[0], -1, -1)  # len would fix an export to one N
        # The authors left out self-attention but kept its residual connection with dropout.
        queries = self.norms[0](queries + self.dropout(queries))
        attended, _ = self.attention(queries, tokens, tokens, need_weights=False)
        queries = self.norms[1](queries + self.dropout(attended))
        queries = self.norms[2](queries + self.dropout(self.feedforward(queries)))
        logits = torch.einsum("nqd,qkd->nqk", queries, self.weight)  # a single q of the weight is for all
        logits = logits.flatten(1)[:, : self.labels] + self.bias
        if self.training and self.never is not None:
            return logits.masked_fill(self.never, _NEVER)
        return logits


def _indices(unseen: Sequence[str], names: Sequence[str], queries: object) -> list[int]:
    """Return where the labels ``unseen`` stand among ``names``.

    Raises:
        ValueError: a label is none of them, or its query says nothing about it.
    """
    if unseen and not isinstance(queries, Path):
        raise ValueError(f"unseen = {', '.join(unseen)}: without images it takes queries = a file of vectors")
    for name in unseen:
        if name not in names:
            raise ValueError(f"unseen: {unknown_name('label', name, names)}")
    return [names.index(name) for name in unseen]

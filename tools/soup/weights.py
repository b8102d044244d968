"""Model soups: the mean of the weights of models that were trained alike.

Wortsman et al., 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time", https://arxiv.org/abs/2203.05482. One model predicts, at the cost of one. Weights
have a useful mean where training began at the same pretrained ones; between random ones it rarely is.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

ModelWeights = Mapping[str, Tensor]  # of each parameter and buffer, by name


def mean_weights(ingredients: Sequence[ModelWeights]) -> dict[str, Tensor]:
    """Return the mean of each tensor over models, added up in float64; of counters, the first model's."""
    first = ingredients[0]
    if len(ingredients) == 1:
        return dict(first)
    return {
        name: torch.stack([weights[name].double() for weights in ingredients]).mean(dim=0).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }


def greedy(order: Sequence[int], score: Callable[[tuple[int, ...]], float]) -> tuple[int, ...]:
    """Return the ingredients of a greedy soup (recipe 1 of the paper), in ascending order.

    Args:
        order: ingredients, the best first.
        score: of a soup of some ingredients, given in ascending order; higher is better.
    """
    chosen: tuple[int, ...] = (order[0],)
    best = score(chosen)
    for ingredient in order[1:]:
        tried = tuple(sorted((*chosen, ingredient)))
        value = score(tried)
        if value >= best:
            chosen, best = tried, value
    return chosen

"""A step of AdamP for many weights at once: few large kernels where its package starts dozens for each.

Its rule asks of each weight whether to project, once by row (output channel) and once as a whole. Asked from
Python a GPU stops for each answer; here the answers stay on the device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


def adamp_step(
    weights: list[Tensor], states: list[dict[str, Tensor]], group: dict[str, Any], age: int
) -> None:
    """Change weights of one group by the rule of Heo et al., 2020, https://arxiv.org/abs/2006.08217.

    Args:
        weights: with gradients; either all vectors, or all with rows.
        states: exp_avg and exp_avg_sq of each.
        group: lr, betas, eps, weight_decay, delta and wd_ratio.
        age: which step of theirs this is, from 1.
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    means, squares = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
    beta_1, beta_2 = group["betas"]

    torch._foreach_mul_(means, beta_1)
    torch._foreach_add_(means, gradients, alpha=1 - beta_1)
    torch._foreach_mul_(squares, beta_2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta_2)

    deviations = torch._foreach_sqrt(squares)
    torch._foreach_div_(deviations, math.sqrt(1 - beta_2**age))
    torch._foreach_add_(deviations, group["eps"])
    updates = list(torch._foreach_div(means, deviations))
    size, decay = group["lr"] / (1 - beta_1**age), group["lr"] * group["weight_decay"]

    if weights[0].ndim > 1:
        factors = _factors(weights, gradients, updates, group, size, decay)
        torch._foreach_mul_(weights, factors)
    elif decay:
        torch._foreach_mul_(weights, 1 - decay)
    torch._foreach_add_(weights, updates, alpha=-size)


def _factors(
    weights: list[Tensor],
    gradients: list[Tensor],
    updates: list[Tensor],
    group: dict[str, Any],
    size: float,
    decay: float,
) -> list[Tensor]:
    """Return what each weight is multiplied by before its update is added: its decay and its projection.

    Without the part of ``update`` along the weight, k * weight, a step is
    (1 - decay) * weight - size * (update - k * weight) = (1 - decay + size * k) * weight - size * update.
    """
    rows = _rows_of(tuple((len(weight), weight[0].numel()) for weight in weights), weights[0].device)
    flat, gradient, update = (_flat(tensors) for tensors in (weights, gradients, updates))
    products = [flat * gradient, gradient * gradient, flat * flat, flat * update]
    by_row = [rows.sums(product) for product in products]
    by_weight = [rows.sums_of_rows(sums) for sums in by_row]

    eps, delta = group["eps"], group["delta"]
    alike_in_rows = rows.most_of_rows(_cosine(by_row, eps))
    in_rows = alike_in_rows < delta / rows.columns.sqrt()
    as_whole = ~in_rows & (_cosine(by_weight, eps) < delta / rows.numbers.sqrt())

    share_of_rows = by_row[3] / (by_row[2].sqrt() + eps).square()
    share_of_weight = by_weight[3] / (by_weight[2].sqrt() + eps).square()
    share = torch.where(rows.each(in_rows), share_of_rows, rows.each(share_of_weight * as_whole))
    decays = torch.where(in_rows | as_whole, decay * group["wd_ratio"], decay)
    factor = rows.each_number(1 - rows.each(decays) + size * share)
    return _shaped(factor, weights)


def _cosine(sums: list[Tensor], eps: float) -> Tensor:
    """Return |cosine| from sums of products and of both squares, as ``F.cosine_similarity``."""
    product, first, second = sums[:3]
    return (product / (first.sqrt().clamp(min=eps) * second.sqrt().clamp(min=eps))).abs()


@dataclass(frozen=True, slots=True)
class _WeightRows:
    """The rows of all weights, one after another: R rows of T weights with N numbers in all.

    Attributes:
        lengths: numbers of each row (R).
        counts: rows of each weight (T).
        columns: the length of a row of each weight (T), as floats.
        numbers: those of each weight (T), as floats.
        total: N.
    """

    lengths: Tensor
    counts: Tensor
    columns: Tensor
    numbers: Tensor
    total: int

    def sums(self, numbers: Tensor) -> Tensor:
        """Return the sum of each row (R) of N numbers."""
        return torch.segment_reduce(numbers, "sum", lengths=self.lengths, unsafe=True)

    def sums_of_rows(self, values: Tensor) -> Tensor:
        """Return for each weight (T) the sum of its rows' values (R)."""
        return torch.segment_reduce(values, "sum", lengths=self.counts, unsafe=True)

    def most_of_rows(self, values: Tensor) -> Tensor:
        """Return for each weight (T) the largest of its rows' values (R)."""
        return torch.segment_reduce(values, "max", lengths=self.counts, unsafe=True)

    def each(self, values: Tensor) -> Tensor:
        """Return each weight's value (T) for each of its rows (R)."""
        return values.repeat_interleave(self.counts, output_size=len(self.lengths))

    def each_number(self, values: Tensor) -> Tensor:
        """Return each row's value (R) for each of its numbers (N)."""
        return values.repeat_interleave(self.lengths, output_size=self.total)


@lru_cache(maxsize=512)  # a group of weights each, of which rates by layer make many
def _rows_of(shapes: tuple[tuple[int, int], ...], device: torch.device) -> _WeightRows:
    counts, columns = (torch.tensor(part, device=device) for part in zip(*shapes, strict=True))
    total = sum(count * width for count, width in shapes)
    rows = sum(count for count, _ in shapes)
    lengths = columns.repeat_interleave(counts, output_size=rows)
    return _WeightRows(lengths, counts, columns.float(), (counts * columns).float(), total)


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return all numbers, row after row; free of copies but one where kernels are in channels-last memory."""
    return torch.cat([(t.permute(0, 2, 3, 1) if t.ndim == 4 else t).reshape(-1) for t in tensors])


def _shaped(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Return what ``_flat`` made flat in its old shapes."""
    shaped = []
    parts = torch.split(flat, [tensor.numel() for tensor in like])
    for part, tensor in zip(parts, like, strict=True):
        if tensor.ndim == 4:
            out, inner, height, width = tensor.shape
            shaped.append(part.view(out, height, width, inner).permute(0, 3, 1, 2))
        else:
            shaped.append(part.view(tensor.shape))
    return shaped

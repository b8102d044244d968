"""Nets on the meta device in a part of torch's time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class Shapes(TorchDispatchMode):  # type: ignore[misc]
    """On the meta device: shapes of norms at once, which torch finds by twenty operations in Python.

    Random weights have no numbers there, so that nothing is drawn either. All else is torch's own.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        on_meta = args and isinstance(args[0], Tensor) and args[0].device.type == "meta"
        quick = _QUICK.get(function, function) if on_meta else function
        return quick(*args, **(kwargs or {}))


def _unchanged(weight: Tensor, *_: Any, **__: Any) -> Tensor:
    return weight


def _alike(first: Tensor, *_: Any, **__: Any) -> Tensor:
    return torch.empty_like(first)


def _sum(first: Tensor, second: Any, **options: Any) -> Tensor:
    same = isinstance(second, Tensor) and (first.shape, first.dtype) == (second.shape, second.dtype)
    return torch.empty_like(first) if same else aten.add.Tensor(first, second, **options)


def _batch_norm(images: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    channels = images.shape[1]
    return torch.empty_like(images), images.new_empty(channels), images.new_empty(channels)


def _batch_norm_backward(_: Tensor, images: Tensor, *given: Any) -> tuple[Tensor | None, ...]:
    weight = images.new_empty(images.shape[1])
    likes = zip((images, weight, weight), given[-1], strict=True)
    return tuple(torch.empty_like(like) if wanted else None for like, wanted in likes)


def _layer_norm(tokens: Tensor, shape: list[int], *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    kept = (*tokens.shape[: -len(shape)], *(1 for _ in shape))
    return torch.empty_like(tokens).contiguous(), tokens.new_empty(kept), tokens.new_empty(kept)


_QUICK: dict[Any, Callable[..., Any]] = {
    aten.native_batch_norm.default: _batch_norm,
    aten.native_batch_norm_backward.default: _batch_norm_backward,
    aten.native_layer_norm.default: _layer_norm,
    aten.add.Tensor: _sum,
    **dict.fromkeys(
        (aten.normal_.default, aten.uniform_.default, aten.erfinv_.default, aten.clamp_.default),
        _unchanged,
    ),
    **dict.fromkeys(
        (
            aten.gelu_backward.default,
            aten.leaky_relu_backward.default,
            aten.sigmoid_backward.default,
            aten.silu_backward.default,
            aten.threshold_backward.default,
        ),
        _alike,
    ),
}

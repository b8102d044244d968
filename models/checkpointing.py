"""Gradient checkpointing: less memory for activations, paid with a second forward pass."""

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from utils.errors import ConfigError


def checkpoint_gradients(backbone: nn.Module, name: str) -> None:
    """Make a timm model compute the activations inside its blocks again in the backward pass.

    Weights, gradients and the statistics of batch norms stay the same, bit for bit: torch restores the
    random state for the second pass (dropout, drop path), and ``_Statistics`` the counts of the norms.

    Raises:
        ConfigError: the architecture has no gradient checkpointing.
    """
    try:
        backbone.set_grad_checkpointing(True)  # type: ignore[operator]
    except (AttributeError, AssertionError) as error:
        raise ConfigError(
            f"{name} has no gradient checkpointing: set gradient_checkpointing = no, and a smaller "
            "[train] batch_size with accumulate if memory is short."
        ) from error
    for module in backbone.modules():
        if isinstance(module, _BatchNorm):
            statistics = _Statistics()
            module.register_forward_pre_hook(statistics.keep)
            module.register_forward_hook(statistics.release, always_call=True)  # torch stops passes halfway


class _Statistics:
    """Lets a batch norm count each batch once: the pass inside the backward pass must not (torch lets it).

    https://github.com/pytorch/pytorch/issues/96136
    """

    def __init__(self) -> None:
        self._momentum: list[float | None] = []  # of the norm, while it must not count

    def keep(self, norm: _BatchNorm, _: Any) -> None:
        if torch._C._current_graph_task_id() < 0:  # not in a backward pass
            return
        self._momentum.append(norm.momentum)
        norm.momentum = 0.0
        if norm.training and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.sub_(1)

    def release(self, norm: _BatchNorm, *_: Any) -> None:
        if self._momentum:
            norm.momentum = self._momentum.pop()

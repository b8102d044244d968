"""A GPU that is not there: PyTorch's fake tensors claim to lie on it, and every operation is seen.

Nothing is computed, so what is checked is which operations run where: which make the host wait, how many
there are, and which have no deterministic kernel.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from utils.device import constant

GPU = torch.device("cuda", 0)
# What is no kernel: a look at a tensor's facts, a view of it, memory without contents.
_FREE = ("prim.device", "aten.detach", "aten.lift_fresh", "aten.empty", "aten.alias")


@dataclass
class Trace(TorchDispatchMode):  # type: ignore[misc]
    """Names of the operations on the GPU, and of those for which the host waits."""

    kernels: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        name = str(function)
        given = list(_tensors((args, kwargs)))
        made = list(_tensors(result))
        on_gpu = [tensor.device.type == "cuda" for tensor in (*given, *made)]
        if any(on_gpu) and not name.startswith(_FREE) and not function.is_view:
            self.kernels.append(name)
        if _waits(name, given, made, kwargs):
            self.waits.append(name)
        return result


def _waits(name: str, given: list[Tensor], made: list[Tensor], options: dict[str, Any]) -> bool:
    """Tell whether the host waits for the GPU: for a number, a size or a plain copy."""
    on_gpu = [tensor.device.type == "cuda" for tensor in given]
    if name.startswith(("aten._local_scalar_dense", "aten.nonzero", "aten.masked_select")):
        return any(on_gpu)
    copies = name.startswith(("aten._to_copy", "aten.copy_"))
    devices = {tensor.device.type for tensor in (*given, *made)}
    return copies and len(devices) > 1 and not options.get("non_blocking", False)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from _tensors(value)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)


@contextmanager
def fake_gpu() -> Iterator[FakeTensorMode]:
    """Let tensors be made on ``GPU`` inside; those on the CPU are fake as well."""
    constant.cache_clear()
    facts = Mock(return_value=SimpleNamespace(L2_cache_size=50 * 2**20))
    with patch("torch.cuda.get_device_properties", facts), FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode
    constant.cache_clear()


def traced(work: Callable[[], object], *, warm: bool = True) -> Trace:
    """Return what a call does; ``warm`` after one that fills caches."""
    if warm:
        work()
    with Trace() as trace:
        work()
    return trace


def moved(model: nn.Module) -> nn.Module:
    """Give a module weights and buffers without contents on ``GPU``, in channels-last memory."""
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = nn.Parameter(_on_gpu(weight), weight.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = _on_gpu(buffer)
    return model


def _on_gpu(tensor: Tensor) -> Tensor:
    layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=GPU, memory_format=layout)

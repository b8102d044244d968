"""A model whose batch norms are part of the convolutions before them, while it is evaluated.

In eval mode a batch norm multiplies each channel by one number and adds another, which the convolution before
it can do by its own weights: a CPU then predicts with mobilenetv3_small_050 in half of the time, and with
efficientnet_b0 or resnet18 in nine tenths. Logits differ by rounding.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode

Pair = tuple[nn.Module, nn.Module]  # a convolution and the norm after it

# What asks nothing of a tensor's values.
_OF_SHAPE = (Tensor.dim, Tensor.size, Tensor.ndim.__get__, Tensor.shape.__get__)  # type: ignore[attr-defined]


class WatchedNorms(TorchFunctionMode):
    """Watches a model while it answers, to find norms that get what one convolution gives, and only that.

    It sees what the model does, however that is written. A convolution whose output goes anywhere else as
    well is not found, nor one whose weights are not what it keeps (standardised ones, for example).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        kinds = (nn.Conv2d, _of_timm("Conv2dSame"))
        plain = [module for module in model.modules() if type(module) in kinds]
        self._convolutions = {_ids(module._parameters, "weight", "bias"): module for module in plain}
        if len(self._convolutions) < len(plain):  # some share their weights
            self._convolutions = {}
        self._norms = {
            _ids(norm._buffers, "running_mean", "running_var"): norm
            for norm in model.modules()
            if _after(norm) is not None and norm.running_mean is not None and not norm.training
        }
        self._calls: Counter[nn.Module] = Counter()
        self._ways: Counter[tuple[nn.Module, nn.Module | None]] = Counter()  # None: to anything but a norm

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        norm = None
        if function is functional.batch_norm and (norm := self._norms.get(tuple(map(id, args[1:3])))):
            self._calls[norm] += 1
        if function not in _OF_SHAPE:
            for tensor in _tensors((args, kwargs)):
                if giver := vars(tensor).get("given_by"):
                    self._ways[giver, norm] += 1

        output = function(*args, **(kwargs or {}))
        if function is torch.conv2d and (giver := self._convolutions.get(tuple(map(id, args[1:3])))):
            output.given_by = giver  # goes with the tensor, wherever that goes
            self._calls[giver] += 1
        return output

    def pairs(self) -> list[Pair]:
        """Return each convolution with the norm that all of its outputs went to, and nothing else did."""
        ways = Counter(convolution for convolution, _ in self._ways)
        return [
            (convolution, norm)
            for (convolution, norm), times in self._ways.items()
            if norm is not None
            and ways[convolution] == 1
            and times == self._calls[convolution] == self._calls[norm]
        ]


def _ids(tensors: Mapping[str, Tensor | None], *names: str) -> tuple[int, ...]:
    return tuple(id(tensors.get(name)) for name in names)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))


def _of_timm(name: str) -> type | None:
    """Return a class of timm's; None before somebody imports it, which takes seconds."""
    return getattr(sys.modules.get("timm.layers"), name, None)


def _after(norm: nn.Module) -> nn.Module | None:
    """Return what a batch norm does after its arithmetic; None: it is none, or one of an unknown kind."""
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    if type(norm) is _of_timm("BatchNormAct2d"):
        return nn.Sequential(norm.drop, norm.act)  # type: ignore[arg-type]
    return None


@contextmanager
def folded(pairs: Iterable[Pair]) -> Iterator[None]:
    """Let convolutions do what the norms after them do; afterwards all is as it was."""
    kept = [(convolution, norm, dict(convolution._parameters)) for convolution, norm in pairs]
    try:
        for convolution, norm, _ in kept:
            convolution.weight, convolution.bias = _together(convolution, norm)
            vars(norm)["forward"] = _after(norm)
        yield
    finally:
        for convolution, norm, parameters in kept:
            convolution._parameters.update(parameters)
            vars(norm).pop("forward", None)


def _together(convolution: Any, norm: Any) -> tuple[nn.Parameter, nn.Parameter]:
    with torch.no_grad():
        return fuse_conv_bn_weights(
            convolution.weight, convolution.bias,
            norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias,
        )  # fmt: skip

"""All of timm's optimisers under one name: Muon, Lion, LAMB, Adan, ADOPT and some 80 more.

Which there are, and what their options are, is asked in ``timm_names.py``.
"""

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import torch
from torch.optim import Optimizer

from train.optimizers.base import OPTIMIZERS, Groups
from train.optimizers.timm_names import all_names, keywords, maker, usable_names
from utils.convert import CountOrZero, Fraction, Interval, NonNegative, Rate
from utils.errors import unknown_name

# What the program decides, or what no config should: how kernels are started, and which way is down.
_OURS = frozenset(("params", "foreach", "fused", "capturable", "differentiable", "maximize", "verbose"))
_SHARES = frozenset(("momentum", "rho", "alpha", "beta2_cap"))  # of the past in a mean; 1 at most
_SIGNED = Annotated[float, Interval(-1000, 1000)]
_SIGNED_WHOLE = Annotated[int, Interval(-1000, 1000)]


class TimmOptimizerName(str):
    """A name of timm's that can be used here."""

    @classmethod
    def allowed(cls) -> str:
        """Return how to find out which there are, and what they take."""
        return "a name of timm's; --mode list muon shows the keys that muon has"

    @classmethod
    def from_text(cls, text: str) -> "TimmOptimizerName":
        """Return the optimiser that ``text`` names, in any letter case.

        Raises:
            ValueError: there is none of that name, or none that a run can use.
        """
        name, usable = text.lower(), usable_names()
        if name in usable:
            return cls(name)
        if name in all_names():
            raise ValueError(
                f"{text!r} is no choice here: it needs another package or second derivatives, or has a "
                f"state that no checkpoint can hold. Valid names: {', '.join(usable)}"
            )
        raise ValueError(unknown_name("optimizer of timm", text, usable))


@OPTIMIZERS.register
class TimmOptimizer(Optimizer):
    """Any optimiser of timm: ``optimizer = muon``, ``lion``, ``lamb``, ``adan``, ``adopt``, ``nadamw``, ...

    Further keys are that optimiser's own, such as ``lr``, ``weight_decay``, ``betas`` or Muon's ``ns_steps``.
    Its best ``lr`` and ``weight_decay`` may lie far from AdamW's: Lion wants an lr 3 to 10 times smaller
    and a decay as many times larger (Chen et al., 2023, https://arxiv.org/abs/2302.06675).

    Args:
        optimizer: which one, by timm's name; its own keys are beside it.
    """

    def __init__(self, *, groups: Groups, optimizer: TimmOptimizerName, **options: Any) -> None:
        options |= _fastest(keywords(optimizer))
        _try_out(optimizer, options)
        self._timms = maker(optimizer)(groups, **options)
        super().__init__(self._timms.param_groups, self._timms.defaults)
        self._share()

    @classmethod
    def further_keys(cls, options: Mapping[str, Any]) -> dict[str, inspect.Parameter] | None:
        """Return the config keys that the chosen optimiser has by its signature, None without one."""
        if "optimizer" not in options:  # the only problem then: nobody knows what else there is
            return None
        keys = {}
        for key, parameter in keywords(options["optimizer"]).items():
            kind = _kind(parameter)
            if kind is not None:
                keys[key] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind)
        return keys

    @classmethod
    def further_names(cls) -> tuple[str, list[str]]:
        """Return the option that stands for many optimisers, and their names."""
        return "optimizer", usable_names()

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Make a step of timm's."""
        return self._timms.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of timm's optimiser, which may have more than moments."""
        return self._timms.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        self._timms.load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Look at the rates and moments of timm's optimiser itself, not at copies."""
        self.param_groups, self.state = self._timms.param_groups, self._timms.state


def _try_out(name: str, options: Mapping[str, Any]) -> None:
    """Make two steps with weights of each shape, since many a wrong value is only found by a step.

    Raises:
        ValueError: timm refuses a value, or fails with it.
    """
    weights = [torch.ones(shape, requires_grad=True) for shape in ((8,), (8, 8), (8, 8, 3, 3))]
    for weight in weights:
        weight.grad = torch.full_like(weight, 0.1)
    try:
        optimizer = maker(name)([{"params": weights}], **options)
        for _ in range(2):
            optimizer.step()
    except Exception as error:  # whatever it is: nothing but the options can be its cause
        raise ValueError(f"optimizer = {name} can't step with these options: {error}") from error


def _fastest(parameters: Mapping[str, inspect.Parameter]) -> dict[str, bool]:
    """Return the option that makes the step of all weights a few kernels, where there is one."""
    # torch's fused SGD takes a momentum of every weight or of none, which a layer that melts late has not.
    if "fused" in parameters and "momentum" not in parameters:
        return {"fused": True}
    return {"foreach": True} if "foreach" in parameters else {}


def _kind(parameter: inspect.Parameter) -> Any:
    """Return the type and range of a config key, None for what is no config key."""
    name, default = parameter.name, parameter.default
    if name in _OURS:
        return None
    if name == "lr":
        return Rate

    if isinstance(default, bool | str):
        return type(default)
    if default is None:
        return _optional(parameter.annotation)
    if isinstance(default, tuple):
        return tuple[(Fraction,) * len(default)]  # type: ignore[misc]
    if isinstance(default, int | float):
        number = _number(name, default, whole=parameter.annotation is int)
        return number | None if type(None) in get_args(parameter.annotation) else number
    return None


def _number(name: str, default: float, *, whole: bool) -> Any:
    if name in _SHARES:
        return Fraction
    if default < 0:
        return _SIGNED_WHOLE if whole else _SIGNED
    return CountOrZero if whole else NonNegative


def _optional(annotation: Any) -> Any:
    """Return what a key may be that is none by default, by its annotation."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return None
    kinds = {get_origin(kind) or kind: get_args(kind) for kind in get_args(annotation)}
    if float in kinds and len(kinds) == 2:
        return NonNegative | None
    if tuple in kinds and len(kinds) == 2:
        return tuple[(Fraction,) * len(kinds[tuple])] | None  # type: ignore[misc]
    return str | None if str in kinds and len(kinds) == 2 else None

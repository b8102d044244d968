"""What timm has of optimisers: their names, constructors and options.

timm takes seconds to import and few runs have one of its optimisers, so it is imported late.
"""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer

_MOMENTUM = 0.9  # timm's own, where a class would have none


def usable_names() -> list[str]:
    """Return timm's names of optimisers that train as any other and resume to the same bits.

    Left out are those of other packages, of second derivatives, and those whose groups hold a type of
    numbers, which a checkpoint can't.
    """
    infos = map(_timm().get_optimizer_info, all_names())
    here = [info.name for info in infos if not isinstance(info.opt_class, str) and not info.second_order]
    return [name for name in here if not any(key.endswith("dtype") for key in keywords(name))]


def all_names() -> list[str]:
    """Return all of timm's names, those that can't be used here too."""
    return list(_timm().list_optimizers())


def _timm() -> Any:
    return importlib.import_module("timm.optim")


def maker(name: str) -> Callable[..., Optimizer]:
    """Return what makes an optimiser, by timm's name of it."""
    make: Callable[..., Optimizer] = _timm().get_optimizer_class(name, bind_defaults=False)
    return make


def keywords(name: str) -> dict[str, inspect.Parameter]:
    """Return the parameters of an optimiser's constructor, with the defaults that timm gives it."""
    info = _timm().get_optimizer_info(name)
    parameters = dict(inspect.signature(maker(name)).parameters)
    if info.has_momentum and parameters["momentum"].default == 0:
        parameters["momentum"] = parameters["momentum"].replace(default=_MOMENTUM)
    for key, value in (info.defaults or {}).items():
        parameters[key] = parameters[key].replace(default=value)
    if parameters["lr"].default is None:  # it would follow a schedule of its own, against ours
        parameters["lr"] = parameters["lr"].replace(default=inspect.Parameter.empty)
    return parameters

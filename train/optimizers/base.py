"""What every optimiser gets: parameter groups without decay on norms and biases, and rates by layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

from torch import nn
from torch.optim import Optimizer

from models.layers import layers
from train.optimizers.timm_names import usable_names
from utils.convert import Interval, Positive
from utils.registry import Registry

Groups = list[dict[str, Any]]
LayerDecay = Annotated[float, Interval(0, 1, above=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Learning rates of layers as factors on ``lr``; keys that [optimizer] has for every optimiser.

    A layer's is layer_decay ** (layers from it to the heads): those near the images keep more of what
    they were pretrained for. The heads' is head_rate. Sources: Clark et al., 2020,
    https://arxiv.org/abs/2003.10555; Bao et al., 2021, https://arxiv.org/abs/2106.08254.
    """

    layer_decay: LayerDecay = 1.0  # often 0.65 to 0.9
    head_rate: Positive = 1.0  # often 1 to 10 on pretrained weights

    def factor(self, depth: int) -> float:
        """Return the factor of the layer ``depth`` layers below the heads, which are 0."""
        return self.layer_decay**depth if depth else self.head_rate


_SAME = Rates()


def _as_timms(name: str) -> str | None:
    """Return how a config says an optimiser that is timm's, such as Lion."""
    lower = name.lower()  # asked only where a name is wrong: timm is imported then
    return f"name = TimmOptimizer with optimizer = {lower}" if lower in usable_names() else None


OPTIMIZERS: Registry[Optimizer] = Registry(
    "optimizer", "train.optimizers", runtime=("groups",), elsewhere=_as_timms
)


def parameter_groups(model: nn.Module, rates: Rates = _SAME) -> Groups:
    """Return groups of the model's parameters: with the optimiser's weight decay, and without.

    Vectors (biases, norm scales) are not decayed: pulling them to zero costs accuracy and regularises
    nothing. Nor is what a part of the model exempts by its ``no_weight_decay``, as timm's transformers do
    with tables of positions, class tokens and tables of relative biases. Frozen parameters are in a group as
    well, so that they can be melted later. Layers with rates of their own have groups of their own, whose
    ``rate_factor`` the scheduler multiplies every rate by.
    """
    plain = _plain(model)
    if rates == _SAME:
        return _decayed_and_plain(list(model.parameters()), plain)
    return [
        {**group, "rate_factor": rates.factor(depth)}
        for depth, layer in enumerate(reversed(layers(model)))
        for group in _decayed_and_plain(layer, plain)
    ]


def _plain(model: nn.Module) -> set[int]:
    """Return the ids of the parameters that are not decayed."""
    exempt = set(_exempt(model))
    return {
        id(parameter)
        for name, parameter in model.named_parameters()
        if parameter.ndim <= 1 or name.endswith(".bias") or name in exempt
    }


def _exempt(model: nn.Module, prefix: str = "") -> Iterator[str]:
    """Yield the names of what parts of a model exempt, each by names or patterns of its own.

    A part speaks for all inside it; and a timm model that exempts nothing means that, as in timm itself.
    """
    exempted = getattr(model, "no_weight_decay", None)
    if exempted is None and not hasattr(model, "pretrained_cfg"):
        for name, part in model.named_children():
            yield from _exempt(part, f"{prefix}{name}.")
        return

    patterns = list(exempted()) if exempted else []
    for name, _ in model.named_parameters():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            yield prefix + name


def _decayed_and_plain(parameters: list[nn.Parameter], exempt: set[int]) -> Groups:
    decayed = [p for p in parameters if id(p) not in exempt]
    plain = [p for p in parameters if id(p) in exempt]
    groups: Groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]

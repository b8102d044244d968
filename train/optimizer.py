"""What every optimiser gets: parameter groups without decay on norms and biases, and rates by layer."""

from dataclasses import dataclass
from typing import Annotated, Any

from torch import nn
from torch.optim import Optimizer

from models.layers import layers
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
OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", "train.optimizers", runtime=("groups",))


def parameter_groups(model: nn.Module, rates: Rates = _SAME) -> Groups:
    """Return groups of the model's parameters: with the optimiser's weight decay, and without.

    Vectors (biases, norm scales) are not decayed: pulling them to zero costs accuracy and regularises
    nothing. Frozen parameters are in a group as well, so that they can be melted later. Layers with rates
    of their own have groups of their own, whose ``rate_factor`` the scheduler multiplies every rate by.
    """
    if rates == _SAME:
        return _decayed_and_plain(list(model.parameters()))
    return [
        {**group, "rate_factor": rates.factor(depth)}
        for depth, layer in enumerate(reversed(layers(model)))
        for group in _decayed_and_plain(layer)
    ]


def _decayed_and_plain(parameters: list[nn.Parameter]) -> Groups:
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    groups: Groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]

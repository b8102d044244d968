"""What every optimiser gets: parameter groups without decay on norms and biases."""

from typing import Any

from torch import nn
from torch.optim import Optimizer

from utils.registry import Registry

Groups = list[dict[str, Any]]

OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", "train.optimizers", runtime=("groups",))


def parameter_groups(model: nn.Module) -> Groups:
    """Return two groups of the model's parameters: with the optimiser's weight decay, and without.

    Vectors (biases, norm scales) are not decayed: pulling them to zero costs accuracy and regularises
    nothing. Frozen parameters are in a group as well, so that they can be melted later.
    """
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups: Groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]

"""Holds the model of a config against the limits on its arithmetic and weights."""

from torch import nn

from experiment.settings import Settings
from models.cost import Cost, Limits, cost_of_model
from utils.errors import ConfigError

_counted: dict[str, Cost] = {}


def cost_line(settings: Settings, model: nn.Module) -> str:
    """Return what an image of the config's size costs in its model, all heads included, in words."""
    name, (height, width) = settings.chosen["model"].name, settings.images.size
    try:
        cost = _cost(settings, model)
    except ValueError as error:
        return f"{name}: {error}"
    return f"{name} with all heads, an image of {height} x {width}: {cost}"


def check_cost(settings: Settings, model: nn.Module) -> None:
    """Refuse a model that is over the limits of [model], where there are any.

    Raises:
        ConfigError: says the limit and what the model costs.
    """
    limits: Limits = settings.beside["model"]
    component = settings.chosen["model"]
    if not limits.any:
        return

    try:
        cost = _cost(settings, model)
    except ValueError as error:
        raise ConfigError(f"[model] {component.name}: {error}; so no limit can be held") from error
    if exceeded := limits.exceeded(cost):
        height, width = settings.images.size
        raise ConfigError(
            f"[model] {component.name} is over {' and '.join(exceeded)}: an image of {height} x {width} "
            f"costs {cost}. Take a smaller model, or smaller images ({component.origin})"
        )


def _cost(settings: Settings, model: nn.Module) -> Cost:
    """Return what an image costs in a model, which is counted once: each fold has the same one.

    Raises:
        ValueError: the model can't be run without numbers.
    """
    size = settings.images.size
    chosen = [
        (section, component.name, sorted((key, value.text) for key, value in component.options.items()))
        for section, component in settings.chosen.items()
    ]
    shapes = [(name, tuple(weight.shape)) for name, weight in model.named_parameters()]

    key = repr((size, chosen, shapes))
    if key not in _counted:
        _counted[key] = cost_of_model(model, size)
    return _counted[key]

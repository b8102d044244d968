"""Holds the model of a config against the limits on its arithmetic and weights."""

import logging

from torch import nn

from experiment.settings import Settings
from models.base import MODELS
from models.cost import Cost, Limits, cost_of, largest_that_fits
from models.heads.base import Heads
from utils.errors import ConfigError
from utils.ini import Value
from utils.registry import Component

log = logging.getLogger("podium")


def model_cost(settings: Settings, heads: Heads) -> Cost:
    """Return what an image of the config's size costs in its model, all heads included.

    Raises:
        ValueError: it can't be counted.
    """
    component, size = settings.chosen["model"], settings.images.size
    return cost_of(lambda: _built(component, settings, heads), size)


def cost_line(settings: Settings, heads: Heads) -> str:
    """Return what the model costs, in words."""
    name, (height, width) = settings.chosen["model"].name, settings.images.size
    try:
        return f"{name} with all heads, an image of {height} x {width}: {model_cost(settings, heads)}"
    except ValueError as error:
        return f"{name}: {error}"


def check_cost(settings: Settings, heads: Heads) -> None:
    """Refuse a model that is over the limits of [model], where there are any.

    Raises:
        ConfigError: says what it costs, and the largest of its family that fits.
    """
    limits: Limits = settings.beside["model"]
    component = settings.chosen["model"]
    if not limits.any:
        return
    try:
        cost = model_cost(settings, heads)
    except ValueError as error:
        raise ConfigError(f"[model] {component.name}: {error}; so no limit can be held") from error
    if exceeded := limits.exceeded(cost):
        height, width = settings.images.size
        raise ConfigError(
            f"[model] {component.name} is over {' and '.join(exceeded)}: an image of {height} x {width} "
            f"costs {cost}. {_smaller(settings, heads, limits)} ({component.place})"
        )


def _smaller(settings: Settings, heads: Heads, limits: Limits) -> str:
    component = settings.chosen["model"]
    named = getattr(MODELS.get(component.name), "backbone_name", None)
    backbone = named or (component.options["backbone"].text if "backbone" in component.options else None)
    if backbone is None:
        return "Take a smaller one, or smaller images."
    log.info("Looking for a backbone of the same family that fits ...")

    def build(name: str) -> nn.Module:
        chosen = Component("TimmModel", {"backbone": Value(name, component.place)}, "model", component.place)
        return _built(chosen, settings, heads)

    pretrained = bool(MODELS.arguments(component).get("pretrained"))
    found = largest_that_fits(backbone, build, settings.images.size, limits, pretrained=pretrained)
    if found is None:
        return f"No backbone of its family ({backbone}) fits: take another family, or smaller images."
    return f"The largest of its family that fits: name = TimmModel, backbone = {found[0]} ({found[1]})."


def _built(component: Component, settings: Settings, heads: Heads) -> nn.Module:
    return MODELS.build(component, heads=heads, image_size=settings.images.size, fresh=False)

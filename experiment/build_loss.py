"""Builds the loss that a config chooses: one for each label space, each with its weights."""

from collections.abc import Sequence

from dataset.tasks.base import Targets
from dataset.tasks.spaces import Space
from experiment.refuse import check_class_weights, check_kind
from experiment.settings import Settings
from experiment.units import UnitBySpace
from loss.base import LOSSES, PerHeadLoss
from models.heads.base import Heads
from utils.errors import ConfigError


def build_criterion(
    settings: Settings,
    spaces: Sequence[Space],
    heads: Heads,
    trained: Targets | None = None,
    units: UnitBySpace | None = None,
) -> PerHeadLoss:
    """Return one loss for each label space; refuses one that can't be meant for its kind.

    Args:
        trained: targets of the training images, which class weights are counted from; validation
            has none, so that its loss means the same whatever the weights.
        units: in which numbers are learnt.
    """
    losses, weights, class_weights = {}, {}, {}
    for space in spaces:
        name, section = space.name, settings.of_space("loss", space.name)
        component, beside = settings.chosen[section], settings.beside[section]

        losses[name] = LOSSES.build(component, space=name, scale=heads.scale(name))
        check_kind(losses[name], component, name, space.kind, ordered=space.ordered)
        check_class_weights(beside, component, name, space.kind)
        weights[name] = beside.weight
        if trained is not None and not beside.class_weights.equal:
            class_weights[name] = beside.class_weights.of(trained[name].sum(dim=0))

    if not any(weights.values()):
        raise ConfigError("[loss] weight: at least one head needs a weight above 0.")
    return PerHeadLoss(losses, weights, class_weights, units)

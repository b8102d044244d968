"""What a config's choices are held against, once the task's label spaces are known.

Everything here raises ConfigError.
"""

from dataset.tasks.base import Task
from experiment.settings import REPEATED, LossSettings, Settings
from loss.base import Loss
from utils.errors import ConfigError, unknown_name
from utils.registry import Component


def check_spaces(settings: Settings, task: Task) -> None:
    """Refuse a section of a label space that the task doesn't have."""
    for section, component in settings.chosen.items():
        kind, _, space = section.partition(".")
        if REPEATED.get(kind) == "SPACE" and space and space not in task.heads:
            problem = unknown_name("label space", space, task.heads)
            raise ConfigError(f"[{section}] {problem} ({component.place})")


def check_conditioning(settings: Settings, task: Task) -> None:
    """Refuse heads that pass on softmax probabilities of a space whose labels don't exclude each other."""
    component = settings.chosen["conditioning"]
    others = [space for space in task.spaces if space.kind != "one_of"]
    if component.name != "Independent" and others:
        raise ConfigError(
            f"[{component.section}] {component.name} passes on which one label is likely, but "
            f"{others[0].name!r} is {others[0].kind}: write name = Independent ({component.place})"
        )


def check_kind(loss: Loss, component: Component, head: str, kind: str) -> None:
    """Refuse a loss for labels of another kind."""
    if kind not in loss.accepts:
        raise ConfigError(
            f"[{component.section}] {component.name} is for {' and '.join(sorted(loss.accepts))} labels, "
            f"but {head!r} is {kind} ({component.place})"
        )


def check_class_weights(beside: LossSettings, component: Component, head: str, kind: str) -> None:
    """Refuse weights of classes that don't exclude each other."""
    if not beside.class_weights.equal and kind != "one_of":
        raise ConfigError(
            f"[{component.section}] class_weights weigh images by their one class, but {head!r} is {kind}: "
            f"write class_weights = none in [loss.{head}]; AsymmetricLoss, or BinaryCrossEntropy with a "
            f"positive_weight, lets present labels count more than missing ones ({component.place})"
        )

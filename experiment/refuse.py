"""What a config's choices are held against before an image is read.

Everything here raises ConfigError.
"""

from dataset.tasks.base import Task
from experiment.allowed_moves import build_augmentations, build_views
from experiment.budget import check_cost
from experiment.build_model import outline, refuse_batch_of_one
from experiment.build_state import build_state
from experiment.run_folder import check_name
from experiment.settings import REPEATED, LossSettings, Settings
from loss.base import LOSSES, Loss
from models.heads.base import Heads
from train.callbacks.base import CALLBACKS
from utils.device import Precision
from utils.errors import ConfigError, unknown_name
from utils.registry import Component


def refuse(
    settings: Settings, task: Task, heads: Heads, precision: Precision, prepared: tuple[int, int]
) -> None:
    """Refuse what no run can be, whatever its images are.

    Args:
        heads: of the model, without their weights.
        prepared: height and width of prepared images.
    """
    check_name(settings.run.name)
    settings.run.check()
    settings.pseudo.check(task.spaces)
    check_callbacks(settings)
    check_precisions(settings)
    build_augmentations(settings, task)
    build_views(settings, task, prepared)
    check_monitor(settings, task)
    check_conditioning(settings, task)
    heads.check_batch(settings.train.images)

    model = outline(settings, heads)
    refuse_batch_of_one(settings, model, settings.train.images)
    check_cost(settings, model)
    # An optimiser asks where its weights are: these have an address, but nobody writes there.
    build_state(settings, task, model.to_empty(device="cpu"), precision, steps_per_epoch=1)


def check_monitor(settings: Settings, task: Task) -> None:
    """Refuse a score that picks the best epoch and that the task doesn't have."""
    monitor, names = settings.train.monitor, (*task.score_names, "loss")
    if monitor not in names:
        raise ConfigError(f"[train] monitor: {unknown_name('score', monitor, names)}")


def check_precisions(settings: Settings) -> None:
    """Refuse a precision of validation beside one that holds for all that the process multiplies."""
    train = settings.train
    if (train.precision, train.eval_precision) == ("tf32", "float32"):
        raise ConfigError(
            "[train] eval_precision = float32: with precision = tf32 a GPU rounds what validation multiplies "
            "as well. Write eval_precision = auto, or precision = float32."
        )


def check_callbacks(settings: Settings) -> None:
    """Refuse callbacks that are in each other's way.

    Raises:
        ConfigError: two of them average the weights.
    """
    averages = [callback for callback in settings.callbacks if CALLBACKS.get(callback.name).averages]
    if len(averages) > 1:
        names, origins = [callback.name for callback in averages], [callback.origin for callback in averages]
        raise ConfigError(
            f"[callback] {' and '.join(names)} each average the weights that are validated: keep one of them "
            f"({', '.join(origins)})"
        )


def check_spaces(settings: Settings, task: Task) -> None:
    """Refuse a section of a label space that the task doesn't have."""
    for section, component in settings.chosen.items():
        kind, _, space = section.partition(".")
        if REPEATED.get(kind) == "SPACE" and space and space not in task.heads:
            problem = unknown_name("label space", space, task.heads)
            raise ConfigError(f"[{section}] {problem} ({component.origin})")


def check_conditioning(settings: Settings, task: Task) -> None:
    """Refuse heads that pass on softmax probabilities of a space whose labels don't exclude each other."""
    component = settings.chosen["conditioning"]
    others = [space for space in task.spaces if space.kind != "one_of"]
    if component.name != "Independent" and others:
        raise ConfigError(
            f"[{component.section}] {component.name} passes on which one label is likely, but "
            f"{others[0].name!r} is {others[0].kind}: write name = Independent ({component.origin})"
        )


def check_kind(loss: Loss, component: Component, head: str, kind: str, *, ordered: bool = True) -> None:
    """Refuse a loss for labels of another kind, or of grades for labels that have no order."""
    if kind not in loss.accepts:
        fitting = [
            name
            for name in LOSSES.names()
            if kind in LOSSES.get(name).accepts and (ordered or LOSSES.get(name).link is None)
        ]
        raise ConfigError(
            f"[{component.section}] {component.name} is for {' and '.join(sorted(loss.accepts))} labels, "
            f"but {head!r} is {kind} ({component.origin or 'the default'}): for that there are "
            f"{', '.join(fitting)}"
        )

    if loss.link is not None and not ordered:
        raise ConfigError(
            f"[{component.section}] {component.name} is for grades, but labels of {head!r} have no order: "
            "write name = OrdinalTask in [task] if they have one, or name = CrossEntropy in [loss] "
            f"({component.origin or 'the default'})"
        )


def check_class_weights(beside: LossSettings, component: Component, head: str, kind: str) -> None:
    """Refuse weights of classes that don't exclude each other."""
    if not beside.class_weights.equal and kind != "one_of":
        instead = (
            "; AsymmetricLoss, or BinaryCrossEntropy with a positive_weight, lets present labels count more "
            "than missing ones"
        )
        raise ConfigError(
            f"[{component.section}] class_weights weigh images by their one class, but {head!r} is {kind}: "
            f"write class_weights = none in [loss.{head}]{instead if kind == 'any_of' else ''} "
            f"({component.origin})"
        )

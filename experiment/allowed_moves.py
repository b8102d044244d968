"""How a run's augmentations and views move images, held against what its task allows."""

import logging

from torch import nn

from dataset.augmentation.base import AUGMENTATIONS, Augmentation
from dataset.tasks.base import Task
from experiment.settings import Settings
from inference.views.base import VIEWS, View
from inference.views.mean_of_views import MeanOfViews
from utils.convert import as_text
from utils.errors import ConfigError, listed
from utils.registry import Component

log = logging.getLogger("podium")


def build_augmentations(settings: Settings, task: Task) -> list[Augmentation]:
    """Return the augmentations of training, in their order.

    Raises:
        ConfigError: one of them moves images in a way that changes the task's labels.
    """
    labels = {space.name: len(space.labels) for space in task.spaces if not space.numeric}
    numbers = [space.name for space in task.spaces if space.numeric]
    offered = {
        "size": settings.images.size,
        "epochs": settings.train.epochs,
        "heads": labels,
        "numbers": numbers,
    }
    built = [AUGMENTATIONS.build(component, **offered) for component in settings.augmentations]

    problems = [
        f"[{component.section}] {component.name} may {move} an image, but [task] changed_by says that this "
        f"changes labels ({component.origin})"
        for component, augmentation in zip(settings.augmentations, built, strict=True)
        for move in sorted(augmentation.moves.intersection(task.changed_by))
    ]
    if problems:
        raise ConfigError(listed("The augmentation", problems))
    return built


def build_views(settings: Settings, task: Task, prepared: tuple[int, int]) -> dict[str, View]:
    """Return the views that [infer] names, by their classes; warn of those that training never showed.

    Args:
        prepared: height and width of prepared images.

    Raises:
        ConfigError: the task forbids some, or one can't be made.
    """
    built = {}
    problems = []
    for name, component in settings.chosen_views.items():
        try:
            built[name] = _built(component, settings, task, prepared)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError(listed("[infer] views", problems))

    shown = {move for augmentation in build_augmentations(settings, task) for move in augmentation.moves}
    for name, view in built.items():
        if view.move not in shown:
            log.warning(
                "The view %s shows the model what training did not: no augmentation of this run may %s an "
                "image. See with --mode views whether it gains.",
                name, view.move,
            )  # fmt: skip
    return built


def every_view(
    settings: Settings, task: Task, prepared: tuple[int, int]
) -> tuple[dict[str, View], list[str]]:
    """Return each view that can be used in this run, by its class, and why others can't."""
    built, left_out = {}, []
    for name in VIEWS.names():
        component = settings.views.get(name, Component(name, section=f"view.{name}", origin="as it is"))
        try:
            built[name] = _built(component, settings, task, prepared)
        except ConfigError as error:
            left_out.append(str(error))
    return built, left_out


def mean_of_views(model: nn.Module, views: dict[str, View], settings: Settings, task: Task) -> MeanOfViews:
    """Return the model that asks another one about each of these views."""
    size, average = settings.images.size, settings.infer.average
    return MeanOfViews(model, views, spaces=task.spaces, size=size, average=average)


def with_views(model: nn.Module, views: dict[str, View], settings: Settings, task: Task) -> nn.Module:
    """Return what predicts in place of a model: with these views; without any, itself."""
    return mean_of_views(model, views, settings, task) if views else model


def _built(component: Component, settings: Settings, task: Task, prepared: tuple[int, int]) -> View:
    view = VIEWS.build(component, size=settings.images.size, prepared=prepared)
    if changing := sorted(view.moves.intersection(task.changed_by)):
        raise ConfigError(
            f"{component.name} may {' and '.join(changing)} an image, but [task] changed_by = "
            f"{as_text(task.changed_by)} says that this changes labels: leave it out"
        )
    return view

"""Builds the model that a config chooses, and holds it against what is going to be asked of it."""

from collections.abc import Callable

import torch
from torch import nn

from dataset.tasks.base import Task
from experiment.features import features_of
from experiment.links import linked
from experiment.settings import Settings
from experiment.start import load_heads, with_files
from models.base import MODELS
from models.checks import check_outputs, explain_small_batches
from models.columns import with_blank
from models.heads.base import Heads
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import seed_global


def heads_of(settings: Settings, task: Task, *, fresh: bool) -> Heads:
    """Return how many labels each space has, and how its head is made.

    Args:
        fresh: False for heads whose weights follow, so that files of theirs aren't read.
    """
    labels = task.heads
    chosen = {space: settings.chosen[settings.of_space("head", space)] for space in labels}
    names = {space.name: space.labels for space in task.spaces}
    numbers = [space.name for space in task.spaces if space.numeric]
    conditioning = settings.chosen["conditioning"]
    features = features_of(settings)

    heads = Heads(
        labels,
        chosen,
        numbers=numbers,
        conditioning=conditioning,
        names=names,
        fresh=fresh,
        columns=() if features is None else features.words,
    )
    return linked(heads, settings, task)


def build_model(
    settings: Settings, task: Task, heads: Heads, task_of: Callable[[Settings], Task], *, fresh: bool
) -> nn.Module:
    """Return the model on the CPU, with its first weights: pretrained ones only with ``fresh``.

    Args:
        task_of: makes the task of another run's config, for a model that starts from that run.
    """
    seed_global("weights", settings.run.seed)
    component, size = settings.chosen["model"], settings.images.size
    chosen = with_files(settings) if fresh else component
    model = MODELS.build(chosen, heads=heads, image_size=size, fresh=fresh)
    if fresh:
        load_heads(model, settings, task, task_of)
    _check_outputs(model, heads, settings)
    return model


def _check_outputs(model: nn.Module, heads: Heads, settings: Settings) -> None:
    component = settings.chosen["model"]
    try:
        check_outputs(model, heads, settings.images.size)
    except ValueError as error:
        raise ConfigError(f"[model] {component.name} {error} ({component.origin})") from error


def _freezes_for_good(callback: Component) -> bool:
    options = callback.options
    rules = (options[key].text.lower() for key in ("melt_after", "melt_patience") if key in options)
    return callback.name == "Freeze" and not any(rule not in ("none", "") for rule in rules)


def outline(settings: Settings, heads: Heads) -> nn.Module:
    """Return the model without memory or numbers, on torch's meta device; it draws no random number.

    Raises:
        ConfigError: it can't be built, or gives other outputs than the task needs.
    """
    component, size = settings.chosen["model"], settings.images.size
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                model = MODELS.build(component, heads=heads, image_size=size, fresh=False)
                check_outputs(model, heads, size)
        except (ConfigError, RuntimeError, AssertionError, TypeError, ValueError):
            # It looks at numbers, or is wrong; with numbers it is known which.
            model = MODELS.build(component, heads=heads, image_size=size, fresh=False)
            _check_outputs(model, heads, settings)
    return model


def refuse_batch_of_one(settings: Settings, model: nn.Module, images: int) -> None:
    """Refuse training batches of one image where the model has something that one image can't train.

    A backbone that is frozen for good is none of that: its batch norms don't train.

    Args:
        model: its outline.

    Raises:
        ConfigError: says what to do.
    """
    if images > 1 or any(_freezes_for_good(callback) for callback in settings.callbacks):
        return

    (height, width), device = settings.images.size, next(model.parameters()).device
    blank = torch.zeros(images, 3, height, width, dtype=torch.uint8, device=device)
    model.train()
    try:
        with torch.random.fork_rng(devices=[]), device, torch.no_grad(), explain_small_batches():
            model(*with_blank(model, blank))
    except ConfigError:
        raise
    except (RuntimeError, AssertionError, TypeError, ValueError):
        return  # it can't be run without numbers, so the first step tells

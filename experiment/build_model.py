"""Builds the model that a config chooses, and holds it against what is going to be asked of it."""

from collections.abc import Callable

import torch
from torch import nn

from dataset.tasks.base import Task
from experiment.settings import Settings
from experiment.start import load_heads, with_files
from models.base import MODELS
from models.checks import check_outputs, explain_small_batches
from models.heads.base import Heads
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import seed_global


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
    try:
        check_outputs(model, heads, size)
    except ValueError as error:
        raise ConfigError(f"[model] {component.name} {error} ({component.place})") from error
    return model


def _freezes_for_good(callback: Component) -> bool:
    options = callback.options
    rules = (options[key].text.lower() for key in ("melt_after", "melt_patience") if key in options)
    return callback.name == "Freeze" and not any(rule not in ("none", "") for rule in rules)


def check_batch(settings: Settings, heads: Heads, images: int) -> None:
    """Refuse training batches of one image where the model has something that one image can't train.

    A backbone that is frozen for good is none of that: its batch norms don't train.

    Raises:
        ConfigError: says what to do.
    """
    heads.check_batch(images)
    if images > 1 or any(_freezes_for_good(callback) for callback in settings.callbacks):
        return
    component, (height, width) = settings.chosen["model"], settings.images.size
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.device("meta"),
            torch.no_grad(),
            explain_small_batches(),
        ):
            model = MODELS.build(component, heads=heads, image_size=settings.images.size, fresh=False)
            model.train()(torch.zeros(images, 3, height, width, dtype=torch.uint8))
    except ConfigError:
        raise
    except (RuntimeError, AssertionError, TypeError, ValueError):
        return  # it can't be run without numbers, so the first step tells

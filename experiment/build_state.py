"""Builds what changes while a run trains: optimiser and schedule around a model."""

import torch
from torch import nn

from dataset.tasks.base import Task
from experiment.metrics import monitor_of
from experiment.settings import Settings
from schedulers.base import SCHEDULERS
from train.optimizers.base import OPTIMIZERS, parameter_groups
from train.state import TrainState
from utils.device import Precision


def build_state(
    settings: Settings, task: Task, model: nn.Module, precision: Precision, steps_per_epoch: int
) -> TrainState:
    """Return the state of a run at its beginning."""
    groups = parameter_groups(model, settings.beside["optimizer"])
    optimizer = OPTIMIZERS.build(settings.chosen["optimizer"], groups=groups)
    scheduler = SCHEDULERS.build(
        settings.chosen["scheduler"],
        optimizer=optimizer,
        steps_per_epoch=steps_per_epoch,
        epochs=settings.train.epochs,
        score_of=monitor_of(task, settings.train.kept_by).value,
    )

    loss_sum = torch.zeros((), device=precision.device)
    return TrainState(model, optimizer, scheduler, precision.scaler(), eval_model=model, loss_sum=loss_sum)

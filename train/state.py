"""Everything that changes while a run trains; its ``state_dict`` is the checkpoint."""

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from inference.predict import Predictions
from schedulers.base import Scheduler
from train.behind import Behind
from train.diverged import diverged
from train.memory_format import match_memory_format
from train.stopwatch import Stopwatch
from utils.errors import ConfigError
from utils.pace import Plan


@dataclass(slots=True)
class TrainState:
    """What callbacks read and change.

    Whatever can be derived from ``history`` (the best epoch, how long nothing improved) is derived from
    it and kept nowhere else, so callbacks have no state of their own to save.
    """

    model: nn.Module
    optimizer: Optimizer
    scheduler: Scheduler
    scaler: torch.amp.GradScaler
    eval_model: nn.Module  # what is validated and kept: the model itself, or an average of its weights
    loss_sum: Tensor  # of the batches done in this epoch, on the model's device
    epoch: int = 0  # finished epochs
    batch: int = 0  # finished batches of the current epoch
    step: int = 0  # finished optimiser steps
    history: list[dict[str, float]] = field(default_factory=list)  # one entry a finished epoch
    predictions: Predictions | None = None  # of the last validation
    should_stop: bool = False  # no further epoch
    plan: Plan | None = None  # of a run with a time limit
    watch: Stopwatch = field(init=False)  # of where the time goes; no part of a checkpoint
    epoch_began: float = field(init=False, default_factory=time.perf_counter)  # no part of it either
    writing: Behind = field(
        init=False, default_factory=Behind
    )  # checkpoints, beside the next epoch; nor this

    def __post_init__(self) -> None:
        self.watch = Stopwatch(self.loss_sum.device)

    @property
    def rate(self) -> float:
        """The optimiser's learning rate now, before the factors of layers and heads."""
        group = self.optimizer.param_groups[0]
        return float(group["lr"] / group.get("rate_factor", 1.0))

    def update(self, clip: float | None) -> None:
        """Let the optimiser use the gradient, after its L2 norm was made ``clip`` at most; forget it then."""
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def begin_epoch(self) -> None:
        """Let the seconds of an epoch count from here."""
        self.epoch_began = time.perf_counter()

    def end_epoch(self) -> None:
        """Stand at the beginning of the next epoch."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss_sum.zero_()

    def end_validated_epoch(self, train_loss: float, scores: Mapping[str, float]) -> None:
        """Stand there, and keep what the epoch that is over has reached.

        Raises:
            Diverged: a loss is no number.
        """
        if not math.isfinite(loss := train_loss + scores.get("loss", 0.0)):
            raise diverged(loss, epoch=self.epoch, step=self.step, rate=self.rate)
        self.end_epoch()
        entry = {"epoch": self.epoch, "train_loss": train_loss, "lr": self.rate, **scores}
        self.history.append(entry | {"seconds": time.perf_counter() - self.epoch_began})

    def as_it_is(self) -> "TrainState":
        """Return a copy in which all but model and optimiser stays, however training goes on."""
        kept = copy.copy(self)
        kept.history = list(self.history)
        return kept

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs, as tensors and plain values."""
        averaged = self.eval_model is not self.model
        return {
            "model": self.model.state_dict(),
            "eval_model": self.eval_model.state_dict() if averaged else None,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "loss_sum": self.loss_sum,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "history": self.history,
            "plan": None if self.plan is None else self.plan.values(),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned; the modules must exist already."""
        self.model.load_state_dict(saved["model"])
        if saved["eval_model"] is not None:
            if self.eval_model is self.model:
                self.eval_model = copy.deepcopy(self.model).requires_grad_(False)
            self.eval_model.load_state_dict(saved["eval_model"])

        try:
            self.optimizer.load_state_dict(saved["optimizer"])
        except ValueError as error:
            raise ConfigError(
                f"The checkpoint's parameters are grouped otherwise ({error}): it is of an older Podium. "
                "Start a new run; [model] pretrained = this run starts from its best weights."
            ) from error

        match_memory_format(self.optimizer)
        if saved["scaler"]:  # empty where it began in another precision
            self.scaler.load_state_dict(saved["scaler"])

        self.loss_sum.copy_(saved["loss_sum"])
        for name in ("epoch", "batch", "step", "history"):
            setattr(self, name, saved[name])
        if self.plan is not None:
            self.plan.load(saved["plan"])

"""``[train] time_limit`` and ``plan``: a run that is complete in time, and its repetition without a clock."""

import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dataset.batches import EvalBatches
from dataset.readers.base import BaseDataset
from dataset.tasks.base import Task
from inference.bootstrap import REPEATS, intervals
from inference.predict import Predictions, predict
from train import checkpoint
from train.monitor import Monitor
from train.time_limit.clock import since_start
from train.time_limit.keeper import DOUBT, LEAD, Costs, Deadline, TimeKeeper, blank_plan, follow
from train.trainer import Trainer
from utils.command import quoted
from utils.durable import write_json
from utils.duration import Duration
from utils.errors import ConfigError, DataError
from utils.read_json import read_json

PLAN = "plan.json"
_SPARE = 0.5, 0.01  # seconds, and of the limit
_EXIT = 0.7  # seconds that the interpreter takes to end
_PICTURES = 1.5  # seconds: what callbacks may draw at the end of an epoch, before it is measured
_SMALL = 32  # images: a batch that may already be slow enough
_TRAINING = 3  # times as long as evaluating the same images: a guess, only to refuse what can't fit
_SLOW = 0.02  # of the limit
_SIZES = 20  # parts of a run whose images may have different sizes
_REPEATS = 100  # of the bootstrap
_ROW = 5e-5  # seconds for a row of a table


def share(limit: Duration | None, runs: int, images: int) -> float | None:
    """Return when the next of so many ``runs`` has to be complete, in seconds since the process's start.

    Args:
        images: all that are scored together after the last run; 0 = it is the only one.
    """
    if limit is None:
        return None
    now = since_start()
    scored = 1.0 + 2 * _ROW * images if images else 0.0
    return now + (limit.seconds - scored - now) / runs


def follow_plan(trainer: Trainer, folder: Path, source: Path) -> None:
    """Let a trainer repeat the run in another run's folder ``source``, batch for batch.

    Raises:
        ConfigError: that run has no plan that can be read, or one for other epochs.
    """
    epochs = trainer.epochs
    plan = blank_plan(epochs, trainer.batches.accumulate)

    if not (source / PLAN).exists():
        raise ConfigError(
            f"[train] plan: there is no {source / PLAN}. Name the folder of a run that had a "
            "time_limit, such as runs/demo/001."
        )
    try:
        values = read_json(source / PLAN, "Bring it back, or repeat another run.")
    except DataError as error:
        raise ConfigError(f"[train] plan: {error}") from None
    try:
        plan.load(values)
    except ValueError as error:
        raise ConfigError(f"[train] plan: {source / PLAN} is damaged: {error}.") from None
    if len(plan.validated) != epochs:
        raise ConfigError(
            f"[train] plan: {source / PLAN} is of a run with {len(plan.validated)} epochs; this one has "
            f"{epochs}. Repeat it with its own config: --config {quoted(source / 'config.ini')}"
        )

    plan.moving = False
    follow(trainer, plan)
    write_json(folder / PLAN, values)


def keep_time(
    task: Task,
    monitor: Monitor,
    folder: Path,
    dataset: BaseDataset,
    trainer: Trainer,
    until: float,
    *,
    resumed: bool,
) -> TimeKeeper:
    """Let a trainer plan its run so that it is complete in time; return what keeps it.

    Args:
        monitor: what picks the epoch that is kept.
        until: seconds since the process's start.
        resumed: the run goes on by its own plan, which is only shortened where that is needed.

    Raises:
        ConfigError: the time is too short for anything; says how much is needed.
    """
    costs = _measured(task, folder, dataset, trainer, until)
    deadline = Deadline(until - _SPARE[0] - _SPARE[1] * until, since_start)

    if resumed:  # the best epoch's predictions may be those of the process that is gone
        costs = replace(costs, end=costs.end + costs.validation)
    else:
        _refuse_too_short(until, deadline, costs, trainer)

    plan = blank_plan(trainer.epochs, trainer.batches.accumulate)
    follow(trainer, plan)
    keeper = TimeKeeper(
        plan,
        costs,
        deadline,
        accumulate=trainer.batches.accumulate,
        monitor=monitor,
        others=trainer.callbacks,
        keep=lambda kept: write_json(folder / PLAN, kept.values()),
        resumed=resumed,
        sizes=_sizes(trainer),
    )

    trainer.callbacks = [keeper, *trainer.callbacks]
    return keeper


def _sizes(trainer: Trainer) -> list[int]:
    """Return the pixels of the images that are trained on in equal parts of the run."""
    batch, sizes = next(trainer.batches.epoch(0)), []
    images = batch.images[:2].to(trainer.passes.precision.device)
    targets = {name: values[:2].to(images.device) for name, values in batch.targets.items()}
    for part in range(_SIZES):
        now = (part + 0.5) / _SIZES * trainer.epochs
        seen, _ = trainer.augmenter(images, targets, epoch=int(now), batch=0, time=now)
        sizes.append(seen.shape[-2] * seen.shape[-1])
    return sizes


def _refuse_too_short(until: float, deadline: Deadline, costs: Costs, trainer: Trainer) -> None:
    steps = LEAD + trainer.epochs
    step = _TRAINING * costs.image * trainer.batches.batch_size * trainer.batches.accumulate
    gone, needed = since_start(), steps * step + (1 + DOUBT) * (costs.validation + costs.end)
    if gone + needed > deadline.seconds:
        least = Duration(math.ceil((gone + needed + _SPARE[0]) / (1 - _SPARE[1])) + 1)
        raise ConfigError(
            f"[train] time_limit: {until:.0f} s are too short for {steps} steps, one an epoch at least, and "
            f"a validation. About {least} are enough here, {gone:.0f} s of which are over before the first "
            "step (images are prepared only once). Fewer epochs or a smaller model need less."
        )


def _measured(task: Task, folder: Path, dataset: BaseDataset, trainer: Trainer, until: float) -> Costs:
    """Return what validating, keeping and scoring take; the trainer's state stays as it is."""
    batches, state = trainer.validator.batches, trainer.state
    rows, precision = batches.rows, trainer.validator.precision

    def evaluated(images: int) -> tuple[float, Predictions]:
        some = rows[np.linspace(0, len(rows) - 1, images).astype(np.int64)]
        subset = EvalBatches(
            batches.source, some, batch_size=images, size=batches.size, targets=batches.targets
        )
        started = time.perf_counter()
        predictions = predict(state.model, subset, precision, what="Measuring")
        return (time.perf_counter() - started) / images, predictions

    whole = min(batches.batch_size, len(rows))
    evaluated(min(_SMALL, whole))  # the first batch of a process takes many times as long
    image, predictions = evaluated(min(_SMALL, whole))
    if image * whole < _SLOW * until:
        more, predictions = evaluated(whole)
        image = min(image, more)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=".measure-", dir=folder) as empty:
        checkpoint.save(Path(empty), "last", 0, {"model": state.model.state_dict()})
    saving = time.perf_counter() - started
    started = time.perf_counter()
    as_many = torch.arange(len(rows)) % len(predictions.rows)
    logits, targets = (
        {name: values[as_many] for name, values in all_.items()}
        for all_ in (predictions.logits, predictions.targets)
    )
    intervals(task, logits, targets, [dataset.groups[row] for row in rows], repeats=_REPEATS)
    scoring = (time.perf_counter() - started) * REPEATS / _REPEATS
    # The state is up to four times the model: an average and two moments; the best weights are one more.
    return Costs(
        image=image,
        validation=image * len(rows) + 5 * saving + _PICTURES,
        end=2 * saving + scoring + _ROW * len(rows) + _EXIT,
    )

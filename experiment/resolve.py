"""What a new run finds out about its machine: how many images fit at once, and which precision is faster.

What it finds is written into the run's config, so that a resumed or repeated run measures nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import OutOfMemoryError

from experiment.assemble import Experiment
from experiment.settings import Settings
from train.trial import answer, drawn, evaluated, fastest, most_that_fit, on_trial, peak_of, step_on
from utils.container import available_memory
from utils.device import Precision, PrecisionName, cpu_has_bfloat16, free_memory

log = logging.getLogger("podium")
_STEPS = 200  # of a run in which measuring pays: it takes the time of about ten
_TIMES = 3  # that a step of each precision is timed, after one that warms up
_CLEARLY = 1.3  # times as fast: nearer to one, noise would decide, and a config give other bits each time
_SHORT = 0.02  # seconds for a batch of which nobody would notice a part less
# Of the memory that is free when a run begins: the optimiser's moments, an average of the weights and the
# store of images have not been made then.
_SHARE = 0.6


def as_begun(settings: Settings, began: Settings) -> Settings:
    """Return settings with what a run found out when it began, where they leave it open."""
    train, known = settings.train, began.train
    if train.precision == "auto":
        train = replace(train, precision=known.precision)
    if train.eval_precision == "auto":
        train = replace(train, eval_precision=known.eval_precision)
    if train.batch_size == "auto" and known.batch_size != "auto":
        together = known.batch_size * known.accumulate  # images of a step
        if together == train.images * train.accumulate:
            train = replace(train, batch_size=known.batch_size, accumulate=known.accumulate)

    images = settings.images
    if images.store == "auto":
        images = replace(images, store=began.images.store)
    return replace(settings, train=train, images=images)


def with_fitting_batch(experiment: Experiment) -> Experiment:
    """Return an experiment whose [train] batch_size = auto is a number, and its ``accumulate`` with it."""
    train, device = experiment.settings.train, experiment.precision.device
    if train.batch_size != "auto":
        return experiment
    images, size = train.images * train.accumulate, experiment.settings.images.size
    free = free_memory(device) or available_memory()

    with on_trial(experiment.model(fresh=False)) as model:

        def peak(number: int) -> int:
            try:
                return peak_of(model, drawn(number, size, device), experiment.precision)
            except (OutOfMemoryError, MemoryError):
                return free + 1

        batch = most_that_fit(peak, int(_SHARE * free), images)

    log.info(
        "[train] batch_size = auto: %d images at once, accumulate = %d, so that a step has %d.",
        batch, images // batch, images,
    )  # fmt: skip
    return _with(experiment, batch_size=batch, accumulate=images // batch)


def with_faster_precision(experiment: Experiment, images: int) -> Experiment:
    """Return an experiment whose [train] precision = auto is the faster one, on a CPU that has two.

    A net that trains faster in float32 may still predict faster in bfloat16, as EfficientNets do.

    Args:
        images: to train on in an epoch. A run of few steps stays as it is: measuring would cost more.
    """
    train, device = experiment.settings.train, experiment.precision.device
    steps = images * train.epochs // (train.images * train.accumulate)
    if train.precision != "auto" or device.type != "cpu" or not cpu_has_bfloat16() or steps < _STEPS:
        return experiment

    both = (Precision(device, torch.float32), Precision(device, torch.bfloat16))
    with on_trial(experiment.model(fresh=False)) as model:
        batch = drawn(min(train.images, images), experiment.settings.images.size, device)
        seconds = fastest([partial(step_on, model, batch, precision) for precision in both], _TIMES)
        changes: dict[str, object] = {"precision": _faster("precision", "a step", seconds)}

        if changes["precision"] == "float32" and train.eval_precision == "auto":
            with evaluated(model, batch):
                seconds = fastest([partial(answer, model, batch, precision) for precision in both], _TIMES)
            changes["eval_precision"] = _faster("eval_precision", "predicting a batch", seconds, least=_SHORT)
    return _with(experiment, **changes)


def _faster(key: str, what: str, seconds: Sequence[float], least: float = 0.0) -> PrecisionName:
    """Return which precision it is, and say so.

    Args:
        seconds: in float32, and in bfloat16.
        least: of them in float32, to change anything.
    """
    plain, half = seconds
    faster: PrecisionName = "bfloat16" if plain > max(least, _CLEARLY * half) else "float32"
    log.info(
        "[train] %s = auto: %s takes %.3f s in float32 and %.3f s in bfloat16, so %s, which is written into "
        "the run's config.",
        key, what, plain, half, faster,
    )  # fmt: skip
    return faster


def _with(experiment: Experiment, **changes: object) -> Experiment:
    train = replace(experiment.settings.train, **changes)  # type: ignore[arg-type]
    return experiment.with_settings(replace(experiment.settings, train=train))

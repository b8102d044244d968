"""Predicts with an ensemble: from what its members said of the same images."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.eval_dataset import EvalDataset
from dataset.task import Task
from inference.ensemble import logits_of
from inference.inferrer import TEST_PREDICTIONS
from inference.predict import Predictions
from inference.saved import SavedPredictions, refuse_changed, write_digest
from modes.blend import FILE, Blend
from modes.pool import common_form
from modes.saved_run import read_task
from utils.errors import ConfigError, DataError

log = logging.getLogger("podium")
Again = Callable[[Path], None]


def is_ensemble(folder: Path) -> bool:
    """Return whether a run's folder is that of an ensemble."""
    return (folder / FILE).exists()


def ensemble_predictions(
    folder: Path, task: Task, images: EvalDataset, overrides: Sequence[str], again: Again
) -> Predictions:
    """Return what an ensemble says of images, in their order; no image is read where members have.

    Args:
        task: the ensemble's.
        overrides: texts such as ``paths.data=...``.
        again: lets the run of a folder predict these images.

    Raises:
        ConfigError: a member is not there, or is another run by now.
    """
    blend = Blend.read(folder)
    folders = blend.folders(folder)
    tasks = [read_task(own, overrides)[1] for own in folders]
    changes, form = common_form([(str(own), of) for own, of in zip(folders, tasks, strict=True)])
    said = [
        change(_predicted(own, of, images, again))
        for change, own, of in zip(changes, folders, tasks, strict=True)
    ]
    members = {space.name: torch.stack([one[space.name] for one in said]) for space in form.spaces}
    found = blend.apply(members, form)
    log.info(
        "%s of %d members%s.", blend.method, len(said), f", then {blend.decision}" if blend.decision else ""
    )
    return Predictions(np.arange(len(images.ids)), logits_of(task, found), {})


def _predicted(folder: Path, task: Task, images: EvalDataset, again: Again) -> dict[str, Tensor]:
    """Return the probabilities of a member, which predicts first where it has not, or other images."""
    path = folder / TEST_PREDICTIONS
    if not path.exists():
        log.info("\n%s has not predicted these images yet:", folder)
        again(folder)
    try:
        refuse_changed(path)
    except DataError as error:
        log.warning("\n%s\nIt is made anew:", error)
        again(folder)
    if not path.with_suffix(".json").exists():  # of a process that was stopped before it, or of an old run
        write_digest(path)
    saved = SavedPredictions.read(path, images.columns[:1], task.spaces)
    if _names(saved) != images.ids:
        log.warning("\n%s is of other images, or in another order: it is made anew.", path)
        again(folder)
        saved = SavedPredictions.read(path, images.columns[:1], task.spaces)
        if _names(saved) != images.ids:
            raise DataError(f"{path} does not hold the eval images in their order.")
    return saved.probabilities


def _names(saved: SavedPredictions) -> tuple[str, ...]:
    return tuple(identity[0] for identity in saved.ids)


def refuse_ensemble(folder: Path, instead: str) -> None:
    """Refuse a run that has no weights, where these are needed; ``instead``: what its members are for.

    Raises:
        ConfigError: the run of the folder is an ensemble.
    """
    if is_ensemble(folder):
        raise ConfigError(f"{folder} is an ensemble, without weights of its own: {instead}.")

"""Predicts with an ensemble: from what its members said of the same images."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from dataset.readers.eval_base import EvalDataset
from dataset.tasks.base import Task
from experiment.made_run import MADE_RUNS, Again, MadeRun
from experiment.saved_run import read_task
from inference.inferrer import TEST_PREDICTIONS
from inference.predict import Predictions
from inference.saved import SavedPredictions, refuse_changed, write_digest
from inference.unreadable import FILE as UNREADABLE
from inference.unreadable import read_list
from tools.ensemble.blend import FILE, Blend
from tools.ensemble.methods.base import logits_of
from tools.ensemble.pool import common_form, stacked
from utils.errors import DataError

log = logging.getLogger("podium")


@MADE_RUNS.register
class EnsembleRun(MadeRun):
    """The run of an ensemble."""

    called = "an ensemble"
    file = FILE

    def predict(
        self,
        folder: Path,
        task: Task,
        images: EvalDataset,
        overrides: Sequence[str],
        again: Again,
        out: Path | None = None,
        *,
        prior: bool,
    ) -> tuple[Predictions, dict[str, str]]:
        blend = Blend.read(folder)
        folders = blend.folders(folder)
        tasks = [read_task(member, overrides)[1] for member in folders]
        joinings, form = common_form(list(zip(map(str, folders), tasks, strict=True)))
        outs = [None if out is None else out / f"member-{number}" for number in range(1, len(folders) + 1)]
        probabilities = []
        for join, member, of_member, into in zip(joinings, folders, tasks, outs, strict=True):
            probabilities.append(join(_predicted(member, of_member, images, again, into, prior=prior)))

        try:
            combined = blend.apply(stacked(probabilities, form), form)
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise DataError(
                f"{folder / FILE} is damaged: what it says was fitted does not suit {blend.method} of these "
                f"members ({str(error)[:200]}). Make the ensemble again."
            ) from error
        decision = f", then {blend.decision}" if blend.decision else ""
        log.info("%s of %d members%s.", blend.method, len(probabilities), decision)

        unreadable: dict[str, str] = {}
        for member, into in zip(folders, outs, strict=True):
            unreadable |= read_list(_predicted_in(member, into))
        return Predictions(np.arange(len(images.ids)), logits_of(task, combined), {}), unreadable


def _predicted(
    folder: Path, task: Task, images: EvalDataset, again: Again, out: Path | None, *, prior: bool
) -> dict[str, Tensor]:
    """Return the probabilities of a member, which predicts first where it has not, or other images.

    With ``out`` it always does if it has weights: the hidden images of a code competition may have the same
    names as others.
    """
    path = folder / TEST_PREDICTIONS
    if out is not None and ((folder / FILE).exists() or any(folder.rglob("checkpoints"))):
        again(folder, out)
        path = out / TEST_PREDICTIONS
    elif not path.exists():
        log.info("\n%s has not predicted these images yet:", folder)
        again(folder, out)
    elif not prior and read_list(folder):
        log.warning("\n%s has answers to images that could not be read: it is made anew.", path)
        again(folder, out)

    try:
        refuse_changed(path, path.with_name(UNREADABLE))
    except DataError as error:
        log.warning("\n%s\nIt is made anew:", error)
        again(folder, out)
    if out is None and not path.with_suffix(".json").exists():  # stopped before it, or of an old run
        write_digest(path, path.with_name(UNREADABLE))

    saved = SavedPredictions.read(path, images.columns[:1], task.spaces)
    if _names(saved) != images.names and out is None:
        log.warning("\n%s is of other images, or in another order: it is made anew.", path)
        again(folder, out)
        saved = SavedPredictions.read(path, images.columns[:1], task.spaces)
    if _names(saved) != images.names:
        raise DataError(f"{path} does not hold the images to predict in their order.")
    return saved.probabilities


def _predicted_in(folder: Path, out: Path | None) -> Path:
    """Return where a member's predictions are: in its own folder, unless it predicted into another one."""
    return out if out is not None and (out / TEST_PREDICTIONS).exists() else folder


def _names(saved: SavedPredictions) -> list[str]:
    return [identity[0] for identity in saved.ids]

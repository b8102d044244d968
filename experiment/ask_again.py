"""Asks the models of a finished run again about the images that they validated, also from several views."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dataset.batches import EvalBatches
from dataset.images.featured import with_features
from dataset.tasks.spaces import Space
from experiment.assemble import Experiment
from experiment.data import training_table
from experiment.finished_run import check_validated, load_weights
from experiment.members import folders_by_fold
from inference.cases import pooled
from inference.inferrer import check_finite
from inference.mean import mean_predictions
from inference.predict import Predictions, predict
from inference.saved import PREDICTED, SavedPredictions
from inference.views.mean_of_views import NONE, EachView, MeanOfViews
from utils.errors import DataError, listed

log = logging.getLogger("podium")
_SAME = 1e-3  # the largest difference of a probability that another machine may make


@dataclass(frozen=True, slots=True)
class MeansOfViews:
    """What a run says of the N images that it validated, each by models that were not trained on it."""

    groups: tuple[str, ...]  # (N) whose image it is
    means: dict[str, Predictions]  # of the image alone, with each view, and with all of them
    images: dict[str, int]  # how many images each mean is over


def ask_again(experiment: Experiment, folder: Path, model: nn.Module, together: MeanOfViews) -> MeansOfViews:
    """Return the answers of a run, or of the members of one over folds, each about its own fold.

    Which images these are is what the run wrote down, so that changed data or settings can't bring in one
    that it was trained on.

    Args:
        model: of the run; gets the weights of each member in turn.
        together: asks ``model``.

    Raises:
        ConfigError: the run is a final fit, which validated nothing.
        DataError: some of the images are not there any more.
    """
    check_validated(folder)
    settings, task = experiment.settings, experiment.task
    dataset = training_table(settings, task)
    source = experiment.images(dataset.root, dataset.files, "training")
    source = with_features(source, None if dataset.features is None else dataset.features.values)
    row_of = {name: row for row, name in enumerate(dataset.names)}

    each, parts = EachView(together), []
    for models in folders_by_fold(settings.run, folder):
        saved = SavedPredictions.read(models[0] / "valid_predictions.csv", PREDICTED, task.spaces)
        names = [identity[0] for identity in saved.ids]
        problems = [f"{name} is not in it" for name in names if name not in row_of]
        problems += [source.bad[row_of[name]] for name in names if row_of.get(name) in source.bad]
        if problems:
            raise DataError(listed(f"The training table, held against what {models[0]} validated,", problems))
        rows = np.array([row_of[name] for name in names], dtype=np.int64)
        rows = dataset.whole_cases(rows, np.setdiff1d(np.arange(len(dataset.files)), list(source.bad)))
        size = experiment.eval_batch_size
        batches = EvalBatches(source, rows, batch_size=size, size=None, targets=dataset.targets)
        predictions: list[dict[str, Predictions]] = []
        for member in models:
            load_weights(model, experiment, member)
            of_images = predict(each, batches, experiment.eval_precision, what="Predicting")
            check_finite(of_images)
            apart = each.apart(of_images)
            predictions.append(
                {mean: pooled(answers, dataset.case_of, task.spaces) for mean, answers in apart.items()}
            )
            _compare(predictions[-1][NONE], member, task.spaces)
        means = {
            mean: mean_predictions(task.spaces, [by_mean[mean] for by_mean in predictions])
            for mean in each.means
        }
        parts.append(([identity[2] for identity in saved.ids], means))
    groups = tuple(group for of_part, _ in parts for group in of_part)
    return MeansOfViews(
        groups, {m: _joined([means[m] for _, means in parts]) for m in each.means}, each.images
    )


def _compare(alone: Predictions, folder: Path, spaces: tuple[Space, ...]) -> None:
    """Warn if a model no longer says what it said at the end of its training."""
    saved = SavedPredictions.read(folder / "valid_predictions.csv", PREDICTED, spaces)
    largest = max(
        space.difference(saved.probabilities[space.name], space.probabilities(alone.logits[space.name]))
        for space in spaces
    )
    if largest > _SAME:
        log.warning(
            "%s validated these images with probabilities that differ by up to %.3f: the images or how they "
            "are prepared have changed since, or this device calculates otherwise.",
            folder, largest,
        )  # fmt: skip


def _joined(parts: list[Predictions]) -> Predictions:
    rows = np.concatenate([part.rows for part in parts])
    logits = _concatenated([part.logits for part in parts])
    return Predictions(rows, logits, _concatenated([part.targets for part in parts]))


def _concatenated(parts: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

"""What the models of a fold say of images together, and how sure they are of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from dataset.batches import EvalBatches
from dataset.pseudo.labels import NAME, confidences
from dataset.pseudo.numbers import SPREAD, number_confidence
from dataset.readers.cases import EvalCases
from dataset.tasks.base import Task
from dataset.tasks.spaces import Space
from experiment.allowed_moves import with_views
from experiment.assemble import Experiment
from experiment.finished_run import load_weights
from experiment.outputs import Outputs
from experiment.run_engine import with_engine
from inference.cases import of_each_image
from inference.inferrer import check_finite
from inference.mean import mean_predictions
from inference.predict import Predictions, predict
from inference.views.base import View
from models.units import units_of
from tools.pseudo.answers import EachNumber
from utils.errors import ConfigError
from utils.shortened import MOST
from utils.text_table import format_table

log = logging.getLogger("podium")


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """What models say of N images, and how sure they are, (N) in [0, 1] by space."""

    predictions: Predictions
    sure: dict[str, Tensor]


def check_spread(experiment: Experiment, *, several: bool) -> None:
    """See to it that there is more than one answer to a question of a number.

    Args:
        several: whether each fold was held out by several models.

    Raises:
        ConfigError: there is only one, and nothing but numbers is asked.
    """
    spaces = experiment.task.spaces
    numbers = [space.name for space in spaces if space.numeric]
    if not numbers or several or experiment.settings.infer.views:
        return
    why = (
        f"how sure a model is of {', '.join(map(repr, numbers))}, a number, only the spread of several "
        f"answers says: label with {SPREAD}"
    )
    if len(numbers) == len(spaces):
        raise ConfigError(f"No pseudo labels: {why}.")
    log.warning("Nobody will be trained on those numbers, only on the other labels: %s.", why)


def labelled(
    experiment: Experiment,
    model: nn.Module,
    models: Sequence[Path],
    views: dict[str, View],
    batches: EvalBatches,
    cases: EvalCases | None,
    outputs: Outputs,
) -> ModelAnswers:
    """Return the mean of what the models of a fold say, each with the views, and how sure they are."""
    spaces = experiment.task.spaces
    predictions, answers = [], []
    for member in models:
        load_weights(model, experiment, member)
        engine = with_engine(model, experiment, member, outputs.folder(member))
        each = EachNumber(with_views(engine, views, experiment.settings, experiment.task), spaces)
        together, of_member = each.apart(predict(each, batches, experiment.eval_precision, what="Labelling"))
        check_finite(together)
        predictions.append(together)
        answers += [_of_cases(answer, together, cases, spaces) for answer in of_member]

    mean = of_each_image(mean_predictions(spaces, predictions), cases, spaces)
    sure = confidences(spaces, experiment.task.probabilities(mean.logits))
    for name, (_, spread) in units_of(model).items():  # those of the truth, the same in all models of a fold
        sure[name] = number_confidence(torch.stack([answer[name] for answer in answers]), spread)
    return ModelAnswers(mean, {space.name: sure[space.name] for space in spaces})


def _of_cases(
    numbers: Mapping[str, Tensor], predicted: Predictions, cases: EvalCases | None, spaces: Sequence[Space]
) -> dict[str, Tensor]:
    """Return an answer to the questions of numbers, (N) by space: of each image's case, if there are any."""
    logits = {name: values[:, None] for name, values in numbers.items()}
    numeric = [space for space in spaces if space.numeric]
    of_images = of_each_image(replace(predicted, logits=logits), cases, numeric)
    return {name: values[:, 0] for name, values in of_images.logits.items()}


def counts(task: Task, labels: ModelAnswers) -> str:
    """Return a table of how many images got each label; nothing where all is numbers."""
    columns = ("label", "images", "mean confidence")
    rows: list[tuple[str | int, ...]] = []
    choices = task.decide(labels.predictions.logits)
    for space in (space for space in task.spaces if not space.numeric):
        name, chosen = space.name, choices[space.name]
        images = chosen.sum(dim=0)
        means = (chosen * labels.sure[name].unsqueeze(1)).sum(dim=0) / images
        for index in images.argsort(descending=True, stable=True)[:MOST].sort().values.tolist():
            mean = f"{means[index]:.4f}" if images[index] else "-"
            rows.append((f"{name}/{space.labels[index]}", int(images[index]), mean))
        if len(space.labels) > MOST:
            rows.append((f"{name}: {len(space.labels) - MOST} rarer ones, all in {NAME}", "", ""))
    return format_table(columns, rows) if rows else ""

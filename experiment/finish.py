"""What a trained run leaves: the predictions of its best weights, and its scores."""

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from dataset.readers.base import BaseDataset
from dataset.tasks.base import Task
from experiment.kept import best_of, give_weights
from experiment.metrics import monitor_of
from experiment.run_folder import FINISHED
from experiment.score_words import judged, lower, score_lines, words
from experiment.settings import Settings
from experiment.start import started
from inference.bootstrap import intervals
from inference.inferrer import write_predictions
from inference.predict import Predictions
from inference.saved import PREDICTED, digests
from inference.scores_file import LIMITS, TUNING
from train.trainer import Trainer
from utils.durable import write_json
from utils.errors import DataError
from utils.forms import COUNT, NUMBER, TEXT, Form, by_name
from utils.read_json import read_json

log = logging.getLogger("podium")
FOLDS_OF_FINAL = "folds.json"  # in a final fit's folder: what the run says whose folds it follows
_FORM_OF_FOLDS: Form = {
    "final": TEXT,
    "best_epochs_of_the_folds": by_name(COUNT),
    "scores_of_the_folds": by_name(NUMBER),
    "intervals_of_the_folds": LIMITS,
    "tuning": TUNING,
}


def finish(
    settings: Settings,
    task: Task,
    folder: Path,
    dataset: BaseDataset,
    trainer: Trainer,
    model: Callable[[], nn.Module],
    known: Predictions | None,
) -> None:
    """Validate the best weights as read from disk, and write what shows that the run is complete.

    Args:
        model: makes another one of the run's, for these weights.
        known: the best epoch's predictions, where there is no time to validate once more.
    """
    best = _best(settings, task, folder, trainer)
    if known is None:
        scores, predictions = _validated(model(), folder, best, trainer)
    else:
        scores, predictions = _kept_scores(best, task), known

    names = dataset.names
    ids = [(names[row], str(dataset.folds[row]), dataset.groups[row]) for row in predictions.rows.tolist()]
    write_predictions(folder / "valid_predictions.csv", PREDICTED, ids, task, predictions)
    sure = intervals(task, predictions.logits, predictions.targets, [group for *_, group in ids])

    history = trainer.state.history
    measured = [*task.main_scores, "loss"]
    epoch, monitor = int(best["scores"]["epoch"]), settings.train.monitor
    write_json(
        folder / FINISHED,
        {
            "monitor": monitor,
            "best_epoch": epoch,
            "scores": scores,
            **judged(task, sure),
            "best_by": {name: _best_by(task, name, history, measured) for name in measured},
            **started(folder),
            **tuning(task, predictions),
            **digests(folder),
        },
    )

    lines = score_lines(task, scores, sure)
    log.info(
        "\nBest epoch: %d, by %s. On the validation images, with 95 %% intervals:%s", epoch, monitor, lines
    )


def _best(settings: Settings, task: Task, folder: Path, trainer: Trainer) -> dict[str, Any]:
    """Return the checkpoint of the best epoch; an older one is never taken for it."""
    history = trainer.state.history
    return best_of(folder, history[monitor_of(task, settings.train.kept_by).best(history)])


def _validated(
    model: nn.Module, folder: Path, best: dict[str, Any], trainer: Trainer
) -> tuple[dict[str, float], Predictions]:
    """Return scores and predictions of the weights of a checkpoint."""
    give_weights(model, best, folder)
    scores, predictions = trainer.validator.run(model)
    if predictions is None:
        raise DataError("There is no image to validate on.")
    expected = best["scores"]["loss"]
    if not math.isclose(scores["loss"], expected, rel_tol=1e-3):  # another batch size rounds otherwise
        log.warning("The best weights give a loss of %g after reading, %g before.", scores["loss"], expected)
    return scores, predictions


def _kept_scores(best: dict[str, Any], task: Task) -> dict[str, float]:
    """Return the scores that a checkpoint's weights had when they were validated."""
    return {name: best["scores"][name] for name in ("loss", *task.score_names)}


def finish_final(settings: Settings, task: Task, folder: Path, trainer: Trainer) -> None:
    """Write what shows that a final fit is complete; all that is known of its quality is its folds'."""
    facts = read_json(folder / FOLDS_OF_FINAL, form=_FORM_OF_FOLDS, needs=("final", "scores_of_the_folds"))
    epoch = int(_best(settings, task, folder, trainer)["scores"]["epoch"])
    first = {"final": facts.pop("final"), "best_epoch": epoch}
    write_json(folder / FINISHED, first | facts | lower(task))
    known = facts["scores_of_the_folds"]
    scores = {name: known[name] for name in task.main_scores if name in known}
    log.info(
        "\nFinal fit: epoch %d, the last, is kept. It has no score of its own; its folds had %s.",
        epoch, words(scores),
    )  # fmt: skip


def _best_by(task: Task, name: str, history: list[dict[str, float]], names: list[str]) -> dict[str, float]:
    entry = history[monitor_of(task, name).best(history)]
    return {"epoch": int(entry["epoch"])} | {score: entry[score] for score in names}


def tuning(task: Task, predictions: Predictions) -> dict[str, Any]:
    """Return what the task finds on the validation images for inference, and the scores with it there."""
    tuning = task.tune(predictions.logits, predictions.targets)
    tuned = task.tuned(tuning)
    if tuned is task:  # which decides without it, but another one may be asked to predict
        return {"tuning": tuning} if tuning else {}
    scores = tuned.scores(predictions.logits, predictions.targets)
    main = {name: scores[name] for name in task.main_scores}
    log.info("Tuned on these same validation images, so higher than it will be on others: %s", words(main))
    return {"tuning": tuning, "scores_on_the_images_tuned_on": main}

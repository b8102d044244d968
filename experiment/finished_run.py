"""A finished run: its scores, and the weights of its best epoch."""

import logging
from pathlib import Path
from typing import Any

from torch import nn

from experiment.assemble import Experiment
from experiment.kept import best_of_epoch, give_weights
from experiment.score_words import words
from inference.scores_file import read_scores
from utils.errors import ConfigError

log = logging.getLogger("podium")


def check_validated(folder: Path) -> None:
    """Refuse a finished run that validated no image.

    Raises:
        ConfigError: it is a final fit; names the run whose folds say how good it may be.
    """
    final = read_scores(folder).get("final")
    if final is not None:
        raise ConfigError(
            f"{folder} is a final fit: it was trained on all images, so there is none left to judge it by. "
            f"Name the run whose folds it follows instead: {final}"
        )


def finished_run(folder: Path) -> dict[str, Any]:
    """Return the checkpoint of a finished run's best epoch.

    Raises:
        DataError: that checkpoint can't be read.
    """
    return best_of_epoch(folder, read_scores(folder, "best_epoch")["best_epoch"])


def load_weights(model: nn.Module, experiment: Experiment, folder: Path) -> None:
    """Give a model the weights of a finished run's best epoch, and say which these are."""
    best = finished_run(folder)
    give_weights(model, best, folder)
    scores = {name: best["scores"][name] for name in experiment.task.main_scores if name in best["scores"]}
    validated = f"validation {words(scores)}" if scores else "a final fit, not validated"
    log.info(
        "Predicting with %s: epoch %d, %s.\nDevice: %s",
        folder, best["scores"]["epoch"], validated, experiment.eval_precision,
    )  # fmt: skip

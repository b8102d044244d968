"""A finished run's config and task, as they hold for predicting with it today."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from dataset.tasks.base import TASKS, Task, Tuning
from experiment.ask_again import ask_again
from experiment.assemble import Experiment
from experiment.read_settings import key_of, written_settings
from experiment.run_config import AskedRun
from experiment.run_folder import CONFIG, FINISHED
from experiment.settings import here_sections
from inference.views.mean_of_views import MeanOfViews
from utils.errors import ConfigError
from utils.ini import Sections, Value, override, put

log = logging.getLogger("podium")
_FOLDS = ("run.folds", "run.seeds")  # say what is trained


def trained(asked: AskedRun, folder: Path, allowed: Sequence[str]) -> Sections:
    """Return the config of a finished run, with what may be said of it today.

    Raises:
        ConfigError: --set says what belongs to training.
    """
    # What was trained is the run's; where things are and how fast it goes is today's.
    sections = asked.config_of(folder)
    overrides = asked.arguments.overrides
    free = TASKS.get(sections["task"].values["name"].text).at_inference
    applied = [text for text in overrides if key_of(text) in (*allowed, *[f"task.{key}" for key in free])]
    for text in overrides:
        named = key_of(text).partition(".")[0]
        if text not in applied and (named not in (*here_sections(), "run") or key_of(text) in _FOLDS):
            raise ConfigError(
                f"--set {text} belongs to training; {folder} was trained with its own config.ini."
            )
    override(sections, applied)
    put(sections, "run", "device", Value(asked.here.run.device, "[run] device"))
    return sections


def tuned(task: Task, tuning: Tuning, folder: Path) -> Task:
    """Return the task as a run's validation images tuned it.

    Raises:
        ConfigError: the run's scores.json has something else there.
    """
    try:
        return task.tuned(tuning)
    except ValueError as error:
        raise ConfigError(f"{folder / FINISHED}: {error}. Train it again.") from None


def tuned_with_views(experiment: Experiment, folder: Path, model: nn.Module, asked: MeanOfViews) -> Task:
    """Return the task tuned to the mean of views, which is less sure of its answers than one image is."""
    log.info("Tuning again on the validation images, as the views show them.")
    final = experiment.settings.train.final
    if final is not None:  # which validated nothing: as without views, its folds say how to decide
        folder, settings = Path(final), experiment.settings
        run, train = written_settings(folder / CONFIG).run, replace(settings.train, final=None)
        experiment = replace(experiment, settings=replace(settings, run=run, train=train))
    answers = list(ask_again(experiment, folder, model, asked).means.values())[-1]
    return experiment.task.tuned(experiment.task.tune(answers.logits, answers.targets))

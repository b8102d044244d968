"""The competition's metrics as a config names them, and the number that decides which epoch is best."""

from dataset.metrics.base import METRICS, Metric
from dataset.metrics.of_task import OfTask
from dataset.tasks.base import Task
from experiment.settings import Settings
from train.monitor import Monitor
from utils.errors import ConfigError


def scored_by(task: Task, settings: Settings) -> Task:
    """Return the task with the metrics of [metric] and each [metric.CLASS] before its own.

    Raises:
        ConfigError: one is wrong, or can't score what the task asks.
    """
    chosen: list[tuple[Metric, str | None]] = []
    for component in settings.metrics:
        if component.name == OfTask.__name__:
            continue
        metric, question = METRICS.build(component), settings.beside[component.section].of
        chosen.append((metric, question))
        try:
            task.scored_by([(metric, question)])
        except ValueError as error:
            raise ConfigError(
                f"[{component.section}] {component.name}: {error} ({component.origin})"
            ) from None
    return task.scored_by(chosen) if chosen else task


def monitor_of(task: Task, name: str) -> Monitor:
    """Return what compares epochs by a score of a task, or by ``loss`` or ``epoch``."""
    return Monitor(name, task.direction(name))

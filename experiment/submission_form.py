"""How answers are handed in, as a config names it."""

from dataclasses import dataclass

from dataset.submissions.base import SUBMISSION, SUBMISSIONS
from dataset.tasks.base import Task
from utils.convert import Name
from utils.errors import ConfigError
from utils.registry import Component

# What else stands in a run's folder, or in that of --out.
_TAKEN = ("config.ini", "environment.json", "metrics.jsonl", "scores.json", "log.txt", "split.csv")
_TABLES = ("valid_predictions.csv", "test_predictions.csv", "out_of_fold.csv", "unreadable.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSettings:
    """Keys that [submission] has beside those of the form."""

    file: Name = SUBMISSION  # what the file is called, in the run's folder


def handed_in(task: Task, component: Component, settings: SubmissionSettings) -> Task:
    """Return the task with its answers in the form of [submission].

    Raises:
        ConfigError: an option is wrong, or the task's answers can't be handed in so.
    """
    name = settings.file
    taken = name.lower() in (*_TAKEN, *_TABLES)
    if taken or "." not in name:
        why = "is a file of the run itself" if taken else "has no ending such as .csv"
        raise ConfigError(
            f"[submission] file = {name} {why}: write another name, such as {SUBMISSION} ({component.origin})"
        )
    form = SUBMISSIONS.build(component)
    form.file = name
    try:
        form.check(task)
    except ValueError as error:
        raise ConfigError(f"[submission] {component.name}: {error} ({component.origin})") from None
    return task.handed_in(form)

"""Which column of the organiser's template is whose: the id, the task's answers, and what stays as it is."""

import logging
import unicodedata
from collections.abc import Sequence

from dataset.readers.eval_base import EvalDataset
from dataset.tasks.base import Task
from utils.errors import DataError, closest
from utils.texts import comparable

log = logging.getLogger("podium")
_SHOWN = 20


def fitted(task: Task, images: EvalDataset) -> Task:
    """Return the task with its one answer in the template's one column for it, whatever that is called.

    Raises:
        DataError: the template has other columns than the task writes.
    """
    column = images.answer_column(task.form.columns(task))
    named = None if column is None else task.form.answering(task, column)
    check_columns(named or task, images)
    return named or task


def say_columns(before: Task, after: Task, images: EvalDataset) -> None:
    """Log where the answers go if that is not what the config says, and which columns stay as they are."""
    columns = after.form.columns(after)
    if before.form.columns(before) != columns:
        log.info("The answers go into the template's column %r.", columns[-1])
    if kept := images.kept(columns):
        log.info("The template's columns %s are no answers: they stay as they are.", _named(kept))
    for column, names in after.form.allowed(after).items():
        _say_spelling(column, names, images)


def _say_spelling(column: str, names: Sequence[str], images: EvalDataset) -> None:
    """Warn where the template writes a label in another way, such as 1 for 1.0."""
    if column not in images.template:
        return
    alike = {_core(name): name for name in names}
    for value in images.template[column].different():
        meant = alike.get(_core(value))
        if meant is not None and comparable(value) not in names:
            log.warning(
                "The template's column %r says %r where the label is %r. If these are the same, write the "
                "labels in a copy of the training table as the template does.",
                column, value, meant,
            )  # fmt: skip
            return


def _core(name: str) -> str:
    """Return what is left of a label without capitals, forms of letters, and zeros around a number."""
    folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    try:
        return repr(float(folded))
    except ValueError:
        return folded


def check_columns(task: Task, images: EvalDataset) -> None:
    """Raise a DataError unless the template has all columns that the task writes."""
    columns, answers = images.columns[1:], task.form.columns(task)
    missing = [name for name in answers if name not in columns]
    others = [name for name in columns if name not in answers]
    if not missing and (images.template or not others or not answers):
        return
    hint = _hint(task, images, missing, others)
    see = "submit and column in [task]" if task.form.section == "task" else f"[{task.form.section}]"
    raise DataError(
        f"The submission's template has the columns {_named(columns) or '(none)'} after the id, but the task "
        f"writes {_named(answers)}.{hint} See {see}, and the table in [test_dataset]."
    )


def _hint(task: Task, images: EvalDataset, missing: Sequence[str], others: Sequence[str]) -> str:
    """Return which of the template's columns a missing one may be."""
    if not missing:
        return ""
    if not others and len(columns := images.columns[1:]) > 1:
        return f" Is {missing[0]!r} no label? Then write label_columns = {_named(columns)} in [dataset]."

    labels = {label for names in task.questions.values() for label in names}
    if len(task.form.columns(task)) == 1 and len(others) > 1 and labels == set(others):
        if task.form.section != "task":
            return " These are the labels: write name = Probabilities in [submission]."
        return " These are the labels: write submit = probabilities in [task], or binary for 0 and 1."

    allowed = set(task.form.allowed(task).get(missing[0], ()))
    holds = [name for name in others if allowed and set(images.template.get(name, ("",))) <= allowed]
    near = closest(missing[0], others)
    meant = holds[0] if len(holds) == 1 else near
    if meant and len(task.form.columns(task)) == 1 and task.form.answering(task, meant) is not None:
        return f" Write column = {meant} in [{task.form.section}]?"
    return f" Is {missing[0]!r} its {meant!r}?" if meant else ""


def _named(columns: Sequence[str]) -> str:
    return ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")

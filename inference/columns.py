"""Which column of the organiser's template is whose: the id, the task's answers, and what stays as it is."""

import logging
from collections.abc import Mapping, Sequence

from dataset.eval_dataset import EvalDataset
from dataset.task import Task
from utils.errors import DataError, closest

log = logging.getLogger("podium")
_SHOWN = 20


def fitted(task: Task, images: EvalDataset) -> Task:
    """Return the task with its one answer in the template's one column for it, whatever that is called.

    Raises:
        DataError: the template has other columns than the task writes.
    """
    column = images.answer_column(task.columns)
    named = None if column is None else task.answering(column)
    check_columns(named or task, images)
    if named is not None:
        log.info("The answers go into the template's column %r.", column)
    if kept := images.kept((named or task).columns):
        log.info("The template's columns %s are no answers: they stay as they are.", _said(kept))
    return named or task


def check_columns(task: Task, images: EvalDataset) -> None:
    """Raise a DataError unless the template has all columns that the task writes."""
    columns, own = images.columns[1:], task.columns
    missing = [name for name in own if name not in columns]
    others = [name for name in columns if name not in own]
    if not missing and (images.template or not others or not own):
        return
    near = closest(missing[0], others) if missing else None
    hint = f" Is {missing[0]!r} its {near!r}?" if near else ""
    raise DataError(
        f"The submission's template has the columns {_said(columns) or '(none)'} after the id, but the task "
        f"writes {_said(own)}.{hint} See submit and column in [task], and the table in [test_dataset]."
    )


def submission_rows(answers: Sequence[Mapping[str, str]], images: EvalDataset) -> list[dict[str, str]]:
    """Return the submission's rows: the id, the answers, and what else the template says of each image.

    A column of an answer that the template lacks is left for the submission's check to name.
    """
    identity, columns = images.columns[0], images.columns
    kept = {name: images.template[name] for name in images.kept(tuple(answers[0]) if answers else ())}
    rows = []
    for number, (name, answer) in enumerate(zip(images.ids, answers, strict=True)):
        row = {identity: name} | {column: values[number] for column, values in kept.items()} | dict(answer)
        rows.append({column: row[column] for column in columns} if row.keys() == set(columns) else row)
    return rows


def _said(columns: Sequence[str]) -> str:
    return ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")

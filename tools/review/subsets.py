"""How a run does on parts of the images: on each mask state, each age band, each value of a column.

What it does with the labels of a question is in ``label_report``, over all images: among the images of one
true label nothing can be wrongly called by it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.metrics.base import Metric
from dataset.metrics.draws import Draws
from dataset.metrics.evidence import Evidence
from dataset.tasks.base import LABELS, Facts, Logits, Targets, Task
from inference.bootstrap import REPEATS, SEED, ConfidenceInterval
from utils.metrics import Counts

_MOST_VALUES = 12  # of a column; numbers with more are cut into ranges
_RANGES = 5
_Division = tuple[Sequence[str], NDArray[np.int64]]  # names, and which one each image has (N); -1 = none


@dataclass(frozen=True, slots=True)
class Subset:
    """The images (numbers among those validated) that have one value of a question or column."""

    by: str
    value: str
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """A score of a question on a subset's images that are labelled in it."""

    subset: Subset
    groups: int
    images: int
    question: str
    score: str
    value: float
    interval: ConfidenceInterval


def subsets(task: Task, targets: Targets, facts: Sequence[Facts], groups: Sequence[str]) -> Iterator[Subset]:
    """Yield parts by each question with few labels, and by each column of the table that says something.

    A column says nothing where all images have one value, where most groups have their own, or where it
    divides the images as a question or an earlier column does.

    Args:
        facts: (N) what the table says of each image.
        groups: (N) whose image it is.
    """
    known: set[bytes] = set()
    divisions = _by_question(task, targets)
    for column, division in _by_column(facts, groups).items():
        divisions[f"{column} in the table" if column in divisions else column] = division

    for by, (names, values) in divisions.items():
        _, first, which = np.unique(values, return_index=True, return_inverse=True)
        divided = np.argsort(np.argsort(first))[which].tobytes()  # the same for the same parts
        if len(first) == 1 or divided in known:
            continue
        known.add(divided)
        for index, name in enumerate(names):
            rows = np.flatnonzero(values == index)
            if len(rows):
                yield Subset(by, name, rows)


def subset_scores(
    task: Task,
    subset: Subset,
    logits: Logits,
    targets: Targets,
    groups: Sequence[str],
    *,
    seed: int = SEED,
    repeats: int = REPEATS,
) -> list[SubsetScore]:
    """Return what can be said of each other question on a subset, with its intervals by group.

    Where one label is right, a part that lacks some of a question's labels gets means over images alone:
    no answer can be wrong about what has been taken away, so precision, and F1 with it, would come out too
    high (1 where a part is made of one true label). Where any number is right, the scores are of the
    labels that some of the part's images have and others have not, for the same reason.
    """
    rows = torch.from_numpy(subset.rows)
    every = _labelled(task, targets)
    logits = {name: values[rows] for name, values in logits.items()}
    targets = {name: values[rows] for name, values in targets.items()}
    there = _labelled(task, targets)

    whose = [groups[row] for row in subset.rows]
    draws = Draws(whose, seed, repeats)
    scores = []
    for question, evidence in task.evidence(logits, targets).items():
        known = there[question].known
        if question == subset.by or not known.any():
            continue
        several = len({whose[row] for row in np.flatnonzero(known)})
        for metric, about in _honest(task, question, evidence, every[question], there[question]):
            statistic = metric.statistic(about)
            value, drawn = float(statistic.once(None)[0]), statistic.drawn(draws)[:, 0]
            score = SubsetScore(
                subset, several, int(known.sum()), question, metric.name, value, ConfidenceInterval.of(drawn)
            )
            scores.append(score)
    return scores


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Which images (N) are labelled in a question, and how many of them have each of its labels (K)."""

    known: NDArray[np.bool_]
    images: Counts


def _labelled(task: Task, targets: Targets) -> dict[str, _Labelled]:
    labelled = {}
    for question, answers in task.answers(targets).items():
        known = answers >= 0
        counts = np.bincount(answers[known], minlength=len(task.questions[question]))
        labelled[question] = _Labelled(known, counts)
    for question in _any_of(task):
        marks = task.space_of(question).marks(targets[question])
        labelled[question] = _Labelled(np.ones(len(marks), dtype=np.bool_), marks.sum(axis=0))
    return labelled


def _any_of(task: Task) -> set[str]:
    """Return the questions in which any number of labels is right."""
    return {space.name for space in task.spaces if space.kind == "any_of"}


def _honest(
    task: Task, question: str, evidence: Evidence, every: _Labelled, there: _Labelled
) -> Iterator[tuple[Metric, Evidence]]:
    """Yield the metrics that mean on a part what their names say, and what each is given there.

    Args:
        evidence: of the part.
        every: which labels all images have.
        there: which those of the part have.
    """
    several = evidence.kind == "any_of"
    lacks = bool(((every.images > 0) & (there.images == 0)).any()) and not several
    varies = there.images < len(there.known) if several else np.ones(len(there.images), dtype=np.bool_)
    labels = np.flatnonzero((there.images > 0) & varies).tolist()
    if several and not labels:
        return

    about = evidence if len(labels) in (0, len(evidence.labels)) else evidence.only(labels)
    for metric in task.metrics_of(question):
        if metric.per_image and not several:
            yield metric, evidence
        elif metric.on_parts and not lacks:
            yield metric, about


def _by_question(task: Task, targets: Targets) -> dict[str, _Division]:
    kinds = {space.name: space.kind for space in task.spaces}
    answers = task.answers(targets)
    divisions: dict[str, _Division] = {}
    for question, labels in task.questions.items():
        if task.space_of(question).numeric:
            if ranges := _known_ranges(targets[question][:, 0].double().numpy()):
                divisions[question] = ranges
        elif kinds.get(question) != "any_of" and len(labels) <= _MOST_VALUES:
            divisions[question] = (labels, answers[question])
    return divisions


def _known_ranges(numbers: NDArray[np.float64]) -> _Division | None:
    """Return those of numbers (N) that are known in ranges; None if there is none."""
    known = np.flatnonzero(~np.isnan(numbers))
    if not len(known):
        return None
    names, of_known = _in_ranges(numbers[known])
    which = np.full(len(numbers), -1, dtype=np.int64)
    which[known] = of_known
    return names, which


def _by_column(facts: Sequence[Facts], groups: Sequence[str]) -> dict[str, _Division]:
    divisions: dict[str, _Division] = {}
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    for column in facts[0] if facts else ():
        cells = np.array([fact[column] for fact in facts])
        values, which = np.unique(cells, return_inverse=True)
        if column == LABELS or len(values) > len(np.unique(which * len(names) + group)) / 2:
            continue
        if len(values) <= _MOST_VALUES:
            divisions[column] = (values.tolist(), which.astype(np.int64))
        elif ranges := _ranges(cells):
            divisions[column] = ranges
    return divisions


def _ranges(cells: NDArray[np.str_]) -> _Division | None:
    """Return numbers in ranges with about as many images each; None if some cell is no number."""
    try:
        numbers = cells.astype(np.float64)
    except ValueError:
        return None
    return _in_ranges(numbers) if np.isfinite(numbers).all() else None


def _in_ranges(numbers: NDArray[np.float64]) -> _Division:
    edges = np.unique(np.quantile(numbers, np.arange(1, _RANGES) / _RANGES, method="lower"))
    which = np.searchsorted(edges, numbers)
    parts = [numbers[which == index] for index in range(len(edges) + 1)]
    names = [f"{part.min():g} to {part.max():g}" if len(part) else "" for part in parts]
    return names, which.astype(np.int64)

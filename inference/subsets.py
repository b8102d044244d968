"""How a run does on parts of the images: on each mask state, each age band, each value of a column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.confusion import Confusion
from dataset.task import LABELS, Facts, Logits, Scorer, Targets, Task
from inference.bootstrap import REPEATS, SEED, Interval, draws
from utils.metrics import Weights

_MOST_VALUES = 12  # of a column; numbers with more are cut into ranges
_RANGES = 5
_Values = tuple[Sequence[str], NDArray[np.int64]]  # names, and which one each image has (N); -1 = none


@dataclass(frozen=True, slots=True)
class Subset:
    """The images (places among those validated) that have one value of a view or column."""

    by: str
    value: str
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """A score in [0, 1] on a subset; a macro-F1 is the mean over the labels that it has."""

    subset: Subset
    groups: int
    view: str
    score: str
    value: float
    interval: Interval


def subsets(task: Task, targets: Targets, facts: Sequence[Facts], groups: Sequence[str]) -> Iterator[Subset]:
    """Yield parts by each view with few labels, and by each column of the table that says something.

    A column says nothing where all images have one value, where most groups have their own, or where it
    divides the images as a view or an earlier column does.

    Args:
        facts: (N) what the table says of each image.
        groups: (N) whose image it is.
    """
    known: set[bytes] = set()
    views, columns = _by_view(task, targets), _by_column(facts, groups)
    columns = {f"{name} in the table" if name in views else name: of for name, of in columns.items()}
    for by, (names, values) in (views | columns).items():
        _, first, place = np.unique(values, return_index=True, return_inverse=True)
        divided = np.argsort(np.argsort(first))[place].tobytes()  # the same for the same parts
        if len(first) > 1 and divided not in known:
            known.add(divided)
            parts = ((name, np.flatnonzero(values == index)) for index, name in enumerate(names))
            yield from (Subset(by, name, rows) for name, rows in parts if len(rows))


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
    """Return the main scores of each view on a subset, with their intervals by group."""
    rows = torch.from_numpy(subset.rows)
    logits, targets = ({name: of[rows] for name, of in values.items()} for values in (logits, targets))
    own = [groups[row] for row in subset.rows]
    confusions = task.confusions(task.decide(logits), targets)
    scorers = {
        view: _of_labels_there(scorer, task.main_scores, confusions[view])
        for view, scorer in task.view_scorers(logits, targets).items()
    }
    once = np.ones(len(own), dtype=np.int64)
    values = {view: scorer(once) for view, scorer in scorers.items()}
    drawn = [
        {view: scorer(weights) for view, scorer in scorers.items()}
        for weights in draws(own, seed=seed, repeats=repeats)
    ]
    return [
        SubsetScore(
            subset,
            len(set(own)),
            view,
            score,
            value,
            Interval.of(np.array([of[view][score] for of in drawn])),
        )
        for view, of_view in values.items()
        for score, value in of_view.items()
    ]


def _of_labels_there(scorer: Scorer, names: Sequence[str], confusion: Confusion) -> Scorer:
    """Return what gives the scores of ``names``, macro-F1 over the labels that some image has."""
    there = [
        f"f1/{label}" for label, images in zip(confusion.labels, confusion.images, strict=True) if images
    ]

    def scores(weights: Weights) -> dict[str, float]:
        found = scorer(weights)
        found["macro_f1"] = float(np.mean([found[name] for name in there])) if there else 0.0
        return {name: found[name] for name in names if name in found}

    return scores


def _by_view(task: Task, targets: Targets) -> dict[str, _Values]:
    kinds = {space.name: space.kind for space in task.spaces}
    answers = task.answers(targets)
    return {
        view: (labels, answers[view])
        for view, labels in task.views.items()
        if kinds.get(view) != "any_of" and len(labels) <= _MOST_VALUES
    }


def _by_column(facts: Sequence[Facts], groups: Sequence[str]) -> dict[str, _Values]:
    found = {}
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    for column in facts[0] if facts else ():
        cells = np.array([of[column] for of in facts])
        values, place = np.unique(cells, return_inverse=True)
        if column == LABELS or len(values) > len(np.unique(place * len(names) + group)) / 2:
            continue
        if len(values) <= _MOST_VALUES:
            found[column] = (values.tolist(), place.astype(np.int64))
        elif ranges := _ranges(cells):
            found[column] = ranges
    return found


def _ranges(cells: NDArray[np.str_]) -> _Values | None:
    """Return numbers in ranges with about as many images each; None if some cell is no number."""
    try:
        numbers = cells.astype(np.float64)
    except ValueError:
        return None
    if not np.isfinite(numbers).all():
        return None
    edges = np.unique(np.quantile(numbers, np.arange(1, _RANGES) / _RANGES, method="lower"))
    place = np.searchsorted(edges, numbers)
    parts = [numbers[place == index] for index in range(len(edges) + 1)]
    names = [f"{part.min():g} to {part.max():g}" if len(part) else "" for part in parts]
    return names, place.astype(np.int64)

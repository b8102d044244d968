"""How a run does on each label: precision, recall and F1 over all images that are labelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset.tasks.base import Choices, Targets, Task
from inference.bootstrap import REPEATS, SEED, Interval, draws
from utils.metrics import Weights

Rates = NDArray[np.float64]  # (3, K): precision, recall and F1; NaN where there is nothing to divide by
Marks = NDArray[np.bool_]  # (N, K)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share in [0, 1] with its interval; NaN where nothing was there to divide by."""

    value: float
    interval: Interval

    @classmethod
    def of(cls, value: float, drawn: Rates) -> "Rate":
        """Return a rate whose interval is that of the draws in which there is one."""
        defined = drawn[~np.isnan(drawn)]
        return cls(float(value), Interval.of(defined) if len(defined) else Interval(np.nan, np.nan))


@dataclass(frozen=True, slots=True)
class LabelScore:
    """What became of one label of a view, over all images that are labelled there.

    Precision is NaN where it was never answered, recall where no image has it, F1 where neither is so: a
    macro-F1 counts such a label as 0, as sklearn's does.
    """

    view: str
    label: str
    groups: int  # with an image that has it
    images: int  # that have it
    answers: int  # that say it
    precision: Rate
    recall: Rate
    f1: Rate


def label_scores(
    task: Task,
    choices: Choices,
    targets: Targets,
    groups: Sequence[str],
    *,
    seed: int = SEED,
    repeats: int = REPEATS,
) -> list[LabelScore]:
    """Return the scores of every label of every view, with intervals by group.

    Args:
        groups: (N) whose image it is.
    """
    return [
        score
        for view, (true, chosen) in marks(task, choices, targets).items()
        for score in _of_view(task, view, true, chosen, groups, draws(groups, seed=seed, repeats=repeats))
    ]


def marks(task: Task, choices: Choices, targets: Targets) -> dict[str, tuple[Marks, Marks]]:
    """Return by view which labels each image has, and which it was given; none where it is not labelled."""
    any_of = {space.name for space in task.spaces if space.kind == "any_of"}
    true, chosen = task.answers(targets), task.answers(choices)
    found = {}
    for view, labels in task.views.items():
        if view in any_of:
            found[view] = (task.members(targets), task.members(choices))
            continue
        known, each = (true[view] >= 0)[:, None], np.arange(len(labels))
        found[view] = (true[view][:, None] == each, (chosen[view][:, None] == each) & known)
    return found


def rates(right: Rates, true: Rates, chosen: Rates) -> Rates:
    """Return precision, recall and F1 = 2 TP / (2 TP + FP + FN) of counts (K) of each label."""
    with np.errstate(invalid="ignore"):
        return np.stack([right / chosen, right / true, 2 * right / (true + chosen)])


def _of_view(
    task: Task, view: str, true: Marks, chosen: Marks, groups: Sequence[str], drawn: Iterator[Weights]
) -> Iterator[LabelScore]:
    labels = task.views[view]
    places = [np.nonzero(of) for of in (true & chosen, true, chosen)]

    def counted(weights: Weights) -> list[Rates]:
        times = weights.astype(np.float64)
        found = (np.bincount(label, times[image], minlength=len(labels)) for image, label in places)
        return [np.asarray(of, dtype=np.float64) for of in found]

    counts = counted(np.ones(len(groups), dtype=np.int64))
    values, draws_of = rates(*counts), np.stack([rates(*counted(weights)) for weights in drawn])
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    image, label = places[1]
    of_group = np.unique(np.stack([label, group[image]]), axis=1)[0]
    with_it = np.bincount(of_group, minlength=len(labels))
    for place, name in enumerate(labels):
        of = [Rate.of(values[rate, place], draws_of[:, rate, place]) for rate in range(3)]
        yield LabelScore(view, name, int(with_it[place]), int(counts[1][place]), int(counts[2][place]), *of)

"""How a run does on each label: precision, recall and F1 over all images that are labelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.draws import Draws
from dataset.metrics.evidence import Evidence
from dataset.metrics.label_counts import label_counts, parts_of
from dataset.tasks.base import Choices, Targets, Task
from inference.bootstrap import REPEATS, SEED, ConfidenceInterval

LabelRates = NDArray[np.float64]  # (3, K): precision, recall and F1; NaN where there is nothing to divide by


@dataclass(frozen=True, slots=True)
class LabelRate:
    """A share in [0, 1] with its interval; NaN where nothing was there to divide by."""

    value: float
    interval: ConfidenceInterval

    @classmethod
    def of(cls, value: float, drawn: LabelRates) -> "LabelRate":
        """Return a rate whose interval is that of the draws in which there is one."""
        defined = drawn[~np.isnan(drawn)]
        return cls(
            float(value),
            ConfidenceInterval.of(defined) if len(defined) else ConfidenceInterval(np.nan, np.nan),
        )


@dataclass(frozen=True, slots=True)
class LabelScore:
    """What became of one label of a question, over all images that are labelled there.

    Precision is NaN where it was never answered, recall where no image has it, F1 where neither is so: a
    macro-F1 counts such a label as 0, as sklearn's does.
    """

    question: str
    label: str
    groups: int  # with an image that has it
    images: int  # that have it
    answers: int  # that say it
    precision: LabelRate
    recall: LabelRate
    f1: LabelRate


def label_scores(
    task: Task,
    choices: Choices,
    targets: Targets,
    groups: Sequence[str],
    *,
    seed: int = SEED,
    repeats: int = REPEATS,
) -> list[LabelScore]:
    """Return the scores of every label of every question that has labels, with intervals by group.

    Args:
        groups: (N) whose image it is.
    """
    draws = Draws(groups, seed, repeats)
    return [
        score
        for question, evidence in task.evidence_of(choices, targets).items()
        if not task.space_of(question).numeric
        for score in _of_question(question, evidence, draws)
    ]


def rates(right: LabelRates, true: LabelRates, chosen: LabelRates) -> LabelRates:
    """Return precision, recall and F1 = 2 TP / (2 TP + FP + FN) of counts (K) of each label."""
    with np.errstate(invalid="ignore"):
        return np.stack([right / chosen, right / true, 2 * right / (true + chosen)])


def _of_question(question: str, evidence: Evidence, draws: Draws) -> Iterator[LabelScore]:
    tally = label_counts(evidence)
    counts = parts_of(tally.sums())
    values = rates(*counts)
    drawn = np.concatenate([np.moveaxis(rates(*parts_of(sums)), 1, 0) for sums in tally.drawn(draws)])

    image, label = evidence.true_pairs
    of_group = np.unique(np.stack([label, draws.group[image]]), axis=1)[0]
    with_it = np.bincount(of_group, minlength=len(evidence.labels))
    for number, name in enumerate(evidence.labels):
        of_label = [LabelRate.of(values[rate, number], drawn[:, rate, number]) for rate in range(3)]
        images, answers = int(counts[1][number]), int(counts[2][number])
        yield LabelScore(question, name, int(with_it[number]), images, answers, *of_label)

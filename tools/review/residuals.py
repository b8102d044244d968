"""How far answers are from true numbers: on which images, in which parts, and which numbers may be wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dataset.metrics.base import Floats
from dataset.metrics.draws import Draws
from dataset.metrics.tally import Tally
from inference.bootstrap import SEED, ConfidenceInterval
from tools.review.suspects import Positions

FAR = 3.5  # robust spreads from the middle, as Iglewicz and Hoaglin have it
_PARTS = 10  # with about as many images each
_WORST_GROUPS = 10
_OF_MAD, _OF_MEAN = 1.4826, 1.2533  # a normal distribution's standard deviation in units of these


@dataclass(frozen=True, slots=True)
class Residuals:
    """What was answered about M images whose number is known.

    Args:
        question: a number that the task asks for.
        images: (M) which of those that were validated.
        folds: (M) which models answered.
        groups: (M) whose image it is.
        truth: (M) the organiser's numbers.
        answer: (M) the model's, of several runs their mean.
        times: (M) how far the error is from the middle one, in robust spreads; of several runs the least far,
            and 0 where they don't agree on which side the truth lies.
    """

    question: str
    images: Positions
    folds: NDArray[np.str_]
    groups: NDArray[np.str_]
    truth: Floats
    answer: Floats
    times: Floats

    @property
    def error(self) -> Floats:
        """Answer - truth, (M)."""
        return self.answer - self.truth

    @property
    def worst(self) -> Positions:
        """The positions of the largest errors, of each group's images the worst one only."""
        order = np.argsort(-np.abs(self.error), kind="stable")
        first = np.unique(self.groups[order], return_index=True)[1]
        return np.asarray(order[np.sort(first)])

    @property
    def suspects(self) -> Positions:
        """The positions of numbers that the models contradict by far, the worst first."""
        far = np.flatnonzero(np.abs(self.times) > FAR)
        return np.asarray(far[np.argsort(-np.abs(self.times[far]), kind="stable")])

    def together(self, others: Sequence["Residuals"]) -> "Residuals":
        """Return this, and what other runs answered about the same images, as one."""
        answers = np.stack([self.answer, *(other.answer for other in others)])
        times = np.stack([self.times, *(other.times for other in others)])
        agree = (times > 0).all(axis=0) | (times < 0).all(axis=0)
        least = np.sign(times[0]) * np.abs(times).min(axis=0)
        return replace(self, answer=answers.mean(axis=0), times=np.where(agree, least, 0.0))


def robust_times(error: Floats) -> Floats:
    """Return how far each error (M) is from their median, in spreads that outliers don't widen.

    (e - median) / (1.4826 MAD), MAD being the median of |e - median|; where that is 0, as half of the errors
    are the same, the mean of |e - median| takes its place. Iglewicz and Hoaglin, "How to Detect and Handle
    Outliers", 1993, who call what is beyond 3.5 an outlier.
    """
    if not len(error):
        return error
    away = error - np.median(error)
    spread = _OF_MAD * np.median(np.abs(away)) or _OF_MEAN * np.abs(away).mean()
    return np.asarray(away / spread if spread > 0 else np.zeros_like(away))


@dataclass(frozen=True, slots=True)
class ResidualPart:
    """The errors on some of the images: in units of the number, with the RMSE's 95 % interval by group."""

    by: str
    value: str
    groups: int
    images: int
    bias: float  # mean of answer - truth
    mae: float
    rmse: float
    interval: ConfidenceInterval


def parts(residuals: Residuals, repeats: int) -> Iterator[ResidualPart]:
    """Yield all images, each fold where there are several, each tenth of the truth, and the worst groups."""
    draws = Draws(residuals.groups.tolist(), SEED, repeats)
    yield _part(residuals, "all", "", np.arange(len(residuals.truth)), draws)

    folds = np.unique(residuals.folds)
    for fold in folds if len(folds) > 1 else ():
        yield _part(residuals, "fold", str(fold), np.flatnonzero(residuals.folds == fold), draws)

    for positions in tenths(residuals.truth):
        low, high = residuals.truth[positions].min(), residuals.truth[positions].max()
        yield _part(residuals, "truth", f"{low:.5g} to {high:.5g}", positions, draws)

    for group in _worst_groups(residuals):
        yield _part(residuals, "group", group, np.flatnonzero(residuals.groups == group), draws)


def _worst_groups(residuals: Residuals) -> list[str]:
    """Return the groups with the largest mean error, of those with several images, the worst first."""
    names, which, images = np.unique(residuals.groups, return_inverse=True, return_counts=True)
    means = np.bincount(which, np.abs(residuals.error)) / images
    several = np.flatnonzero(images > 1)
    worst = several[np.argsort(-means[several], kind="stable")][:_WORST_GROUPS]
    return [str(names[group]) for group in worst]


def tenths(truth: Floats) -> list[Positions]:
    """Return the positions of numbers (M) in ranges with about as many each; equal ones are in one range."""
    edges = np.unique(np.quantile(truth, np.arange(1, _PARTS) / _PARTS))
    tenth = np.searchsorted(edges, truth, side="right")
    return [np.flatnonzero(tenth == number) for number in np.unique(tenth)]


def _part(residuals: Residuals, by: str, value: str, positions: Positions, draws: Draws) -> ResidualPart:
    error = residuals.error[positions]
    tally = Tally.of_sums(positions, np.ones(len(positions)), error**2)
    counts, squares = np.concatenate(list(tally.drawn(draws))).T
    with np.errstate(invalid="ignore"):
        drawn = np.sqrt(squares / counts)  # of a draw without any of these images it says nothing

    mae, rmse = np.abs(error).mean(), np.sqrt((error**2).mean())
    groups = len(np.unique(residuals.groups[positions]))
    return ResidualPart(
        by,
        value,
        groups,
        len(positions),
        float(error.mean()),
        float(mae),
        float(rmse),
        ConfidenceInterval.of(drawn),
    )

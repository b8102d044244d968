"""Every way to make one prediction of several runs, each scored on people that it was not fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.metrics.draws import Draws
from dataset.tasks.base import Task
from inference.bootstrap import REPEATS, SEED, ConfidenceInterval
from tools.ensemble.cross_fit import cross_fitted
from tools.ensemble.decisions.base import DECISIONS, Decision
from tools.ensemble.methods.base import ENSEMBLES, Alone, Method, SpaceProbabilities, Truth, logits_of
from tools.ensemble.pool import Pool

BASE = "SoftVote"  # what anything else has to beat
TrialKey = tuple[str, str]  # the name of a member or method, and of a decision or ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one way says of the images, fitted on the other people, and how good that is."""

    task: Task
    probabilities: SpaceProbabilities
    scores: dict[str, float]  # the main ones
    draws: NDArray[np.float64]  # of the score that decides, in the same draws of people for all trials

    @property
    def interval(self) -> ConfidenceInterval:
        return ConfidenceInterval.of(self.draws)


@dataclass(frozen=True, slots=True)
class Gain:
    """How much one trial is better than another one, in the same draws."""

    value: float
    between: ConfidenceInterval
    direction: int  # of the score: 1 where more is better, -1 where less is

    @classmethod
    def of(cls, before: Trial, after: Trial) -> "Gain":
        score = before.task.main_scores[0]
        between = ConfidenceInterval.of(after.draws - before.draws)
        direction = before.task.direction(score)
        return cls(after.scores[score] - before.scores[score], between, direction)

    @property
    def is_real(self) -> bool:
        """Whether it is better beyond noise."""
        return self.between.low > 0 if self.direction > 0 else self.between.high < 0

    def __str__(self) -> str:
        verb = "gains" if self.direction > 0 else "changes the score by"
        return f"{verb} {' '.join(self.cells)}"

    @property
    def cells(self) -> tuple[str, str]:
        """The value and its interval as a table shows them."""
        return f"{self.value:+.4f}", f"[{self.between.low:+.4f}, {self.between.high:+.4f}]"


def member_names(pool: Pool) -> list[str]:
    """Return a short name for each member: its run and version, or its path where that is not enough."""
    short = [f"{run.folder.parent.name}/{run.folder.name}" for run in pool.runs]
    return short if len(set(short)) == len(short) else [str(run.folder) for run in pool.runs]


def ways(pool: Pool, methods: Sequence[str]) -> dict[str, Method]:
    """Return each member by itself and each method, by name."""
    alone: dict[str, Method] = {name: Alone(number) for number, name in enumerate(member_names(pool))}
    return alone | {name: ENSEMBLES.get(name)() for name in methods}


def try_all(
    pool: Pool, tried: Mapping[str, Method], decisions: Sequence[str], part: Tensor
) -> dict[TrialKey, Trial]:
    """Return a trial of every way, without a decision and with each of them."""
    made: dict[str, Decision] = {name: DECISIONS.get(name)() for name in decisions}
    predicted: dict[TrialKey, tuple[Truth, SpaceProbabilities]] = {}
    for name, ensemble in tried.items():
        for decision, probabilities in cross_fitted(ensemble, made, pool.members, pool.truth, part).items():
            truth = pool.truth.joined if decision else pool.truth
            predicted[name, decision] = truth, as_in_a_file(truth.task, probabilities)

    scorers = [
        truth.task.main_scorer(logits_of(truth.task, probabilities), truth.targets)
        for truth, probabilities in predicted.values()
    ]
    main = pool.truth.task.main_scores
    draws = Draws(pool.truth.groups, SEED, REPEATS)
    trials = {}
    for (key, (truth, probabilities)), scorer in zip(predicted.items(), scorers, strict=True):
        scores = scorer()
        main_scores = {name: scores[name] for name in main}
        trials[key] = Trial(truth.task, probabilities, main_scores, scorer.drawn(draws)[main[0]])
    return trials


def as_in_a_file(task: Task, probabilities: Mapping[str, Tensor]) -> SpaceProbabilities:
    """Return probabilities with the six digits of a file: who reads it gets the same scores."""
    return {space.name: space.in_a_file(probabilities[space.name]) for space in task.spaces}


def best_decision(trials: Mapping[TrialKey, Trial], base: str, decisions: Sequence[str]) -> str:
    """Return the decision with which ``base`` scores highest; nothing if there is none.

    Of equally good ones, such as all are for a score that only looks at an order, the next score decides.
    """
    return max(decisions, key=lambda name: _goodness(trials[base, name]), default="")


def choose_decision(trials: Mapping[TrialKey, Trial], base: str, decisions: Sequence[str]) -> tuple[str, str]:
    """Return the decision to take with ``base`` and why: the best one if its gain is outside noise."""
    best = best_decision(trials, base, decisions)
    gain = Gain.of(trials[base, ""], trials[base, best])
    if gain.is_real:
        return best, f"Decision: {best}, since it {gain} with {base}, which is outside noise."
    return "", f"Decision: none. The best one, {best}, {gain} with {base}, which is not outside noise."


def choose_method(trials: Mapping[TrialKey, Trial], methods: Sequence[str], decision: str) -> tuple[str, str]:
    """Return the method to take with a decision and why: the best one if it beats the mean beyond noise."""
    best = max(methods, key=lambda name: (_goodness(trials[name, decision])[0], name == BASE))
    if best == BASE:
        return BASE, f"Method: {BASE}, since no other one scores better."
    gain = Gain.of(trials[BASE, decision], trials[best, decision])
    if gain.is_real:
        return best, f"Method: {best}, since it {gain} over {BASE}, which is outside noise."
    return BASE, f"Method: {BASE}. The best one, {best}, {gain} over it, which is not outside noise."


def _goodness(trial: Trial) -> list[float]:
    """Return the main scores so that the higher is the better one, first the one that decides."""
    return [trial.task.direction(score) * trial.scores[score] for score in trial.task.main_scores]

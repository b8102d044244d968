"""An ensemble of two runs is as good as it can be by the competition's metric, whichever way is better."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies

from dataset.metrics.base import METRICS
from dataset.metrics.log_loss import LogLoss
from dataset.tasks.classification import ClassificationTask
from tools.ensemble.decisions.prior_correction import PriorCorrection
from tools.ensemble.methods.base import ENSEMBLES, Alone, Truth
from tools.ensemble.trials import Gain, Trial

NAMES = ["LogLoss", "QuadraticKappa", "RocAuc", "RMSE", "BalancedAccuracy", "MacroF1", "AveragePrecision"]


def task_of(name: str) -> ClassificationTask:
    task = ClassificationTask(root=Path(), labels_found=lambda: ("0", "1", "2"))
    return task.scored_by([(METRICS.get(name)(), None)])


@strategies.composite
def two_runs(draw):
    """Probabilities of two runs that know something, and the truth."""
    random = np.random.default_rng(draw(strategies.integers(0, 2**32)))
    task = task_of(draw(strategies.sampled_from(NAMES)))
    true = random.integers(0, 3, 40)
    targets = {"label": torch.eye(3)[true]}
    logits = np.eye(3)[true] * random.uniform(0, 2, (2, 1, 1)) + random.normal(0, 1, (2, 40, 3))
    members = {"label": torch.from_numpy(logits).softmax(dim=2)}
    return task, members, Truth(task, targets, tuple(map(str, range(40))))


@settings(max_examples=25, deadline=None)
@given(two_runs())
def test_searched_weights_are_no_worse_than_either_run_and_the_mean_on_what_they_were_fitted_on(drawn):
    task, members, truth = drawn
    way = task.direction(task.main_scores[0])

    def score(probabilities):
        logits = {space.name: space.logits(probabilities[space.name]) for space in task.spaces}
        return way * task.scores(logits, truth.targets)[task.main_scores[0]]

    alone = [score(Alone(number).combine(members, {}, task)) for number in range(2)]
    for name in ("WeightedMean", "Greedy", "BestOfEachSpace"):
        method = ENSEMBLES.get(name)()
        fitted = score(method.combine(members, method.fit(members, truth), task))
        assert fitted >= max(alone) - 1e-6, name
    mean = score({"label": members["label"].mean(dim=0)})
    method = ENSEMBLES.get("WeightedMean")()
    assert score(method.combine(members, method.fit(members, truth), task)) >= mean - 1e-6


@settings(max_examples=15, deadline=None)
@given(two_runs())
def test_a_decision_that_searches_never_hurts_the_metric_on_what_it_was_fitted_on(drawn):
    task, members, truth = drawn
    plain = {"label": members["label"][0]}
    decision = PriorCorrection()
    assert truth.score(decision.apply(plain, decision.fit(plain, truth), task)) >= truth.score(plain) - 1e-9


@pytest.mark.parametrize(("after", "real"), [(0.4, True), (0.6, False)])
def test_a_gain_of_a_metric_that_is_better_lower_is_a_fall_and_printed_as_it_is(after, real):
    task = task_of("LogLoss")
    trials = [Trial(task, {}, {"log_loss": value}, np.full(10, value)) for value in (0.5, after)]
    gain = Gain.of(*trials)
    assert gain.is_real == real
    assert str(gain).startswith(f"changes the score by {after - 0.5:+.4f} [")
    assert LogLoss().higher_is_better is False

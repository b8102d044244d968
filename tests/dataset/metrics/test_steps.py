"""Limits that are searched are those that a search through everything finds, by any metric."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.metrics import steps as searched
from dataset.metrics.accuracy import Accuracy
from dataset.metrics.evidence import OneOfEvidence
from dataset.metrics.f_beta import FBeta
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.mae import MAE
from dataset.metrics.micro_f1 import MicroF1
from dataset.metrics.quadratic_kappa import QuadraticKappa
from dataset.metrics.rmse import RMSE
from dataset.metrics.samples_f1 import SamplesF1
from dataset.metrics.steps import cuts_of, goodness, graded, limit_of_all, limits_of_labels
from tests.dataset.metrics.asked import any_of, one_of
from utils.metrics import best_thresholds

OF_TAGS = [
    SamplesF1(),
    SamplesF1(empty=1.0),
    MicroF1(),
    MacroF1(),
    FBeta(beta=2.0),
    FBeta(average="samples"),
    Accuracy(),
]


def between(values, low, high):
    edges = np.concatenate([[low], np.unique(values), [high]])
    return (edges[1:] + edges[:-1]) / 2


@given(any_of(), st.sampled_from(OF_TAGS))
def test_one_threshold_is_the_best_there_is(question, metric):
    sure = question.evidence.probabilities
    every = [goodness(metric, question.evidence, sure >= limit) for limit in [0.4, *between(sure, 0.0, 1.0)]]
    found = limit_of_all(metric, question.evidence, 0.4)
    assert goodness(metric, question.evidence, sure >= found) == pytest.approx(max(every))


@given(any_of(), st.sampled_from([MacroF1(), FBeta(beta=0.5)]))
def test_where_labels_score_by_themselves_each_has_its_best_threshold(question, metric):
    sure, evidence = question.evidence.probabilities, question.evidence
    found = limits_of_labels(metric, evidence, 0.5)
    for label in range(question.labels):
        alone = evidence.only([label])
        own = sure[:, [label]]
        every = [goodness(metric, alone, own >= limit) for limit in [0.5, *between(own, 0.0, 1.0)]]
        assert goodness(metric, alone, own >= found[label]) == pytest.approx(max(every))


@given(any_of())
def test_by_macro_f1_they_are_as_good_as_those_of_each_labels_own_f1(question):
    sure = question.evidence.probabilities
    theirs = best_thresholds(question.true, sure, 0.5)
    ours = limits_of_labels(MacroF1(), question.evidence, 0.5)
    scores = [goodness(MacroF1(), question.evidence, sure >= limits) for limits in (ours, theirs)]
    assert scores[0] == pytest.approx(scores[1])


@given(any_of(), st.sampled_from(OF_TAGS))
def test_no_threshold_alone_makes_it_better_and_one_for_all_never_is(question, metric):
    sure, evidence = question.evidence.probabilities, question.evidence
    found = limits_of_labels(metric, evidence, 0.5)
    reached = goodness(metric, evidence, sure >= found)
    assert reached >= goodness(metric, evidence, sure >= limit_of_all(metric, evidence, 0.5)) - 1e-9
    assert reached >= goodness(metric, evidence, sure >= 0.5) - 1e-9


@given(one_of(least=2, most=2), st.sampled_from([QuadraticKappa(), RMSE(), MAE()]))
def test_a_single_cut_is_the_best_there_is(question, metric):
    expected = question.evidence.probabilities @ np.arange(2)
    every = [
        goodness(metric, question.evidence, graded(expected, [cut])) for cut in between(expected, -0.5, 1.5)
    ]
    found = cuts_of(metric, question.evidence, expected)
    assert goodness(metric, question.evidence, graded(expected, found)) == pytest.approx(max(every))


@pytest.mark.parametrize("metric", [QuadraticKappa(), RMSE(), MAE()])
def test_cuts_come_near_to_the_best_of_all_pairs_and_no_single_one_can_be_made_better(metric):
    random = np.random.default_rng(0)
    evidence, expected = drawn_grades(random)
    limits = between(expected, -0.5, 2.5)
    pairs = itertools.combinations_with_replacement(limits, 2)
    best = max(goodness(metric, evidence, graded(expected, pair)) for pair in pairs)
    found = cuts_of(metric, evidence, expected)
    reached = goodness(metric, evidence, graded(expected, found))
    assert best - 0.01 <= reached <= best + 1e-9
    for limit in limits:
        for pair in ((min(limit, found[1]), found[1]), (found[0], max(limit, found[0]))):
            assert goodness(metric, evidence, graded(expected, pair)) <= reached + 1e-9


def test_where_there_are_many_steps_a_coarser_search_still_finds_a_good_one(monkeypatch):
    random = np.random.default_rng(0)
    evidence, expected = drawn_grades(random, 2000)
    exact = goodness(
        QuadraticKappa(), evidence, graded(expected, cuts_of(QuadraticKappa(), evidence, expected))
    )
    monkeypatch.setattr(searched, "_MOST", 700)  # 100 steps
    coarse = cuts_of(QuadraticKappa(), evidence, expected)
    assert exact - 0.01 <= goodness(QuadraticKappa(), evidence, graded(expected, coarse)) <= exact + 0.01


def drawn_grades(random, count=40):
    true = random.integers(0, 3, count)
    expected = (true * 0.5 + 0.3 + random.normal(0, 0.4, count)).clip(0, 2).round(3)
    evidence = OneOfEvidence(("0", "1", "2"), true, lambda: true, lambda: np.zeros((count, 3)))
    return evidence, expected

"""The calibration error against a loop, and its intervals against the same draws of groups."""

import numpy as np
import pytest

from inference.bootstrap import draws
from tools.review.calibration import reliability


def error_by_loop(confidence, right, weights, bins=15):
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = (confidence > low) & (confidence <= high) | ((number == 0) & (confidence == 0))
        if count := weights[inside].sum():
            accuracy = (weights * right)[inside].sum() / count
            sure = (weights * confidence)[inside].sum() / count
            error += count / weights.sum() * abs(accuracy - sure)
    return error


@pytest.fixture
def answers():
    random = np.random.default_rng(3)
    confidence = random.uniform(0, 1, 400)
    confidence[:3] = 0, 1, 0.2
    return confidence, random.uniform(0, 1, 400) < confidence**1.5, [f"p{i // 5}" for i in range(400)]


def test_the_error_is_that_of_a_loop(answers):
    confidence, right, groups = answers
    found = reliability(confidence, right, groups, repeats=2)
    assert found.error == pytest.approx(error_by_loop(confidence, right, np.ones(400)), abs=1e-12)
    assert (found.answers, found.groups) == (400, 80)
    assert sum(part.answers for part in found.bins) == 400
    assert found.accuracy == pytest.approx(right.mean())


def test_the_intervals_are_those_of_drawn_groups(answers):
    confidence, right, groups = answers
    found = reliability(confidence, right, groups, repeats=60, seed=5)
    drawn = list(draws(groups, seed=5, repeats=60))
    errors = [error_by_loop(confidence, right, weights) for weights in drawn]
    low, high = np.quantile(errors, [0.025, 0.975])
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=1e-12)
    part = found.bins[7]
    inside = (confidence > part.low) & (confidence <= part.high)
    shares = [(weights * right)[inside].sum() / weights[inside].sum() for weights in drawn]
    assert (part.interval.low, part.interval.high) == pytest.approx(np.quantile(shares, [0.025, 0.975]))


def test_answers_that_are_as_sure_as_they_are_right_have_a_small_error():
    random = np.random.default_rng(0)
    confidence = random.uniform(0, 1, 200_000)
    found = reliability(
        confidence, random.uniform(0, 1, 200_000) < confidence, ["a", "b"] * 100_000, repeats=2
    )
    assert found.error < 0.01
    assert found.verdict == "on average as sure as it may be"


def test_whether_a_model_is_too_sure_is_said():
    found = reliability(np.full(10, 0.9), np.arange(10) < 5, list("abcdefghij"), repeats=5)
    assert found.verdict == "too sure: says 90.0%, true in 50.0%"
    assert found.error == pytest.approx(0.4)
    found = reliability(np.full(10, 0.5), np.arange(10) < 9, list("abcdefghij"), repeats=5)
    assert found.verdict.startswith("not sure enough")

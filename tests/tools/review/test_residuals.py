"""Errors of numbers, against numpy and scikit-learn, and which numbers several models contradict."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from inference.bootstrap import SEED, draws
from tools.review.residuals import Residuals, parts, robust_times, tenths


def made(images=200, seed=0, groups=60):
    random = np.random.default_rng(seed)
    truth = random.normal(30, 8, images).round(1)
    answer = truth + random.normal(0, 2, images)
    return Residuals(
        "ink",
        np.arange(images),
        random.integers(0, 3, images).astype(str),
        random.integers(0, groups, images).astype(str),
        truth,
        answer,
        robust_times(answer - truth),
    )


def test_robust_spreads_are_those_of_iglewicz_and_hoaglin():
    error = np.random.default_rng(1).normal(3, 2, 101)
    away = error - np.median(error)
    expected = 0.6745 * away / np.median(np.abs(away))  # their modified z-score
    np.testing.assert_allclose(robust_times(error), expected, rtol=1e-4)
    error[7] = 1e6
    assert abs(robust_times(error)[7]) > 1e5
    assert np.abs(np.delete(robust_times(error) - expected, 7)).max() < 0.2  # it widens nothing


def test_where_most_errors_are_the_same_others_are_still_far():
    times = robust_times(np.array([0.0] * 9 + [5.0]))
    assert times[9] == pytest.approx(5 / (1.2533 * 0.5))
    assert not robust_times(np.zeros(4)).any()
    assert len(robust_times(np.array([]))) == 0


@given(arrays.arrays(np.float64, st.integers(1, 60), elements=st.integers(-5, 5).map(float)))
def test_tenths_are_all_images_once_in_order_and_equal_ones_together(truth):
    found = tenths(truth)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(truth)))
    assert 1 <= len(found) <= 10
    for before, after in itertools.pairwise(found):
        assert truth[before].max() < truth[after].min()


def test_errors_of_all_images_each_fold_and_each_tenth():
    residuals = made()
    found = list(parts(residuals, repeats=50))
    assert [part.by for part in found] == ["all", *["fold"] * 3, *["truth"] * 10, *["group"] * 10]
    assert sum(part.images for part in found[4:14]) == 200
    assert all(abs(part.images - 20) <= 3 for part in found[4:14])
    for part in found[1:4]:
        rows = residuals.folds == part.value
        pair = residuals.truth[rows], residuals.answer[rows]
        assert part.rmse == pytest.approx(root_mean_squared_error(*pair))
        assert part.mae == pytest.approx(mean_absolute_error(*pair))
        assert part.bias == pytest.approx((pair[1] - pair[0]).mean())
        assert part.groups == len(set(residuals.groups[rows]))


def test_the_interval_is_that_of_the_same_draws_of_groups_in_a_loop():
    residuals = made()
    (found, *_) = parts(residuals, repeats=40)
    names, which = np.unique(residuals.groups, return_inverse=True)
    drawn = []
    for times in draws(names.tolist(), seed=SEED, repeats=40):
        pair = residuals.truth, residuals.answer
        drawn.append(root_mean_squared_error(*pair, sample_weight=np.asarray(times)[which]))
    assert (found.interval.low, found.interval.high) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975]))
    )


def test_the_worst_are_one_of_each_group_the_largest_error_first():
    residuals = made()
    worst = residuals.worst
    size = np.abs(residuals.error)
    assert len(worst) == len(set(residuals.groups))
    assert (np.diff(size[worst]) <= 0).all()
    for place in worst:
        assert size[place] == size[residuals.groups == residuals.groups[place]].max()


def test_what_one_run_contradicts_and_another_does_not_is_no_suspect():
    first, second = made(), made()
    for residuals, places in ((first, {3: 40, 5: 40, 9: 40}), (second, {3: 30, 9: -40})):
        for place, error in places.items():
            residuals.answer[place] = residuals.truth[place] + error
    first, second = (replace(of_run, times=robust_times(of_run.error)) for of_run in (first, second))
    assert set(first.suspects.tolist()) == {3, 5, 9}
    both = first.together([second])
    assert both.suspects.tolist() == [3]
    assert both.answer[3] == pytest.approx(both.truth[3] + 35)
    assert abs(both.times[3]) == min(abs(first.times[3]), abs(second.times[3]))


def test_the_worst_groups_are_those_with_the_largest_mean_error_among_several_images():
    residuals = made()
    mean = {name: np.abs(residuals.error[residuals.groups == name]).mean() for name in set(residuals.groups)}
    several = [name for name in mean if (residuals.groups == name).sum() > 1]
    expected = sorted(several, key=lambda name: -mean[name])[:10]
    found = [part for part in parts(residuals, repeats=5) if part.by == "group"]
    assert [part.value for part in found] == expected
    assert [part.mae for part in found] == pytest.approx([mean[name] for name in expected])

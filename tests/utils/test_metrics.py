"""Counts and average precisions are those of sklearn with all labels named, whichever happen to occur."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from utils.metrics import (
    SortedPrecision,
    best_thresholds,
    confusion_matrix,
    in_words,
    mean_average_precision,
)


def average_precisions(true, scores):
    return SortedPrecision(true, scores).scores(np.ones(len(true), dtype=np.int64))


def f1_scores(true, chosen):
    columns = zip(true.T, chosen.T, strict=True)
    return np.array([f1_score(*column, zero_division=0) for column in columns])


@st.composite
def answers(draw):
    classes = draw(st.integers(2, 18))
    pairs = st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1))
    true, chosen = zip(*draw(st.lists(pairs, min_size=1, max_size=40)), strict=True)
    return classes, np.array(true, dtype=np.int64), np.array(chosen, dtype=np.int64)


@given(answers())
def test_counts_are_those_of_sklearn(drawn):
    classes, true, chosen = drawn
    labels = range(classes)
    counts = confusion_matrix(true, chosen, classes)
    assert np.array_equal(counts, sklearn_confusion(true, chosen, labels=labels))


def test_images_without_a_label_are_left_out():
    counts = confusion_matrix(np.array([0, -1, 1, -1]), np.array([0, 1, 0, 0]), 2)
    assert counts.tolist() == [[1, 0], [1, 0]]


def test_no_image_at_all_has_no_counts():
    counts = confusion_matrix(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 3)
    assert counts.tolist() == [[0, 0, 0]] * 3


@given(answers(), st.integers(1, 39))
def test_counts_of_parts_add_up_to_those_of_the_whole(drawn, cut):
    # trap: F1 averaged over batches is not the F1 of the epoch; counts are what may be added
    classes, true, chosen = drawn
    parts = [confusion_matrix(true[s], chosen[s], classes) for s in (slice(cut), slice(cut, None))]
    assert np.array_equal(sum(parts), confusion_matrix(true, chosen, classes))


@st.composite
def rankings(draw):
    """Multi-hot truth and scores (N, K), few different scores, so that many are equal."""
    images, labels = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    seed, levels = draw(st.integers(0, 2**16)), draw(st.integers(1, 12))
    generator = np.random.default_rng(seed)
    true = generator.random((images, labels)) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    return true, (generator.integers(0, levels, (images, labels)) / levels).astype(np.float32)


@given(rankings())
def test_average_precision_is_sklearns_with_equal_scores_as_one_threshold(drawn):
    true, scores = drawn
    found = average_precisions(true, scores)
    for label in range(true.shape[1]):
        if true[:, label].any():
            expected = average_precision_score(true[:, label], scores[:, label])
            assert found[label] == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(found[label])


def test_average_precision_by_hand():
    # positives on places 1 and 3 of 4: (1/1 + 2/3) / 2
    true, scores = np.array([[1], [0], [1], [0]], dtype=bool), np.array([[0.9], [0.8], [0.4], [0.1]])
    assert average_precisions(true, scores) == pytest.approx([5 / 6])
    assert average_precisions(true, np.full((4, 1), 0.3)) == pytest.approx([1 / 2])  # nothing is known


@given(rankings(), st.integers(0, 99))
def test_an_image_that_counts_several_times_is_as_good_as_several_images(drawn, seed):
    true, scores = drawn
    weights = np.random.default_rng(seed).integers(0, 4, len(true))
    rows = np.repeat(np.arange(len(true)), weights)
    found = SortedPrecision(true, scores).scores(weights)
    assert found == pytest.approx(average_precisions(true[rows], scores[rows]), abs=1e-12, nan_ok=True)
    first, second = true.argmax(axis=1), (scores >= 0.5).argmax(axis=1)
    counts = confusion_matrix(first, second, 4, weights)
    assert np.array_equal(counts, confusion_matrix(first[rows], second[rows], 4))


@given(rankings())
def test_no_threshold_is_better_than_the_best_one(drawn):
    true, scores = drawn
    thresholds = best_thresholds(true, scores, 0.5)
    best = f1_scores(true, scores.astype(np.float64) >= thresholds)
    for threshold in [0.0, *np.unique(scores), 2.0]:
        assert (f1_scores(true, scores >= threshold) <= best + 1e-12).all()
    assert (thresholds[~true.any(axis=0)] == 0.5).all()


def test_a_threshold_lies_between_the_scores_that_it_divides():
    true = np.array([[1, 1], [1, 0], [0, 0]], dtype=bool)
    found = best_thresholds(true, np.array([[0.9, 0.7], [0.5, 0.3], [0.1, 0.2]]), 0.5)
    assert found == pytest.approx([0.3, 0.5])
    equal = best_thresholds(np.array([[1], [1], [0]], dtype=bool), np.array([[0.5], [0.5], [0.1]]), 0.5)
    assert equal == pytest.approx([0.3])


@pytest.mark.parametrize("function", [average_precisions, lambda t, s: best_thresholds(t, s, 0.4)])
def test_no_image_at_all_is_no_crash(function):
    assert function(np.zeros((0, 3), dtype=bool), np.zeros((0, 3))).shape == (3,)


@pytest.mark.parametrize(
    ("name", "words"),
    [("macro_f1", "macro-F1"), ("mAP", "mAP"), ("accuracy", "accuracy"), ("age/macro_f1", "age macro-F1")],
)
def test_scores_are_named_as_people_write_them(name, words):
    assert in_words(name) == words


@given(rankings())
def test_the_quick_mean_average_precision_is_that_of_the_labels(drawn):
    true, scores = drawn
    each = average_precisions(true, scores)
    expected = 0.0 if np.isnan(each).all() else np.nanmean(each)
    assert mean_average_precision(true, scores) == pytest.approx(expected, abs=1e-12)

"""Accuracy and F1 are sklearn's with all labels named, whichever classes happen to occur."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from utils.metrics import accuracy, confusion_matrix, f1_scores


@st.composite
def answers(draw):
    classes = draw(st.integers(2, 18))
    pairs = st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1))
    true, chosen = zip(*draw(st.lists(pairs, min_size=1, max_size=40)), strict=True)
    return classes, np.array(true, dtype=np.int64), np.array(chosen, dtype=np.int64)


@given(answers())
def test_scores_are_those_of_sklearn(drawn):
    # trap: absent classes count as 0, so the mean never depends on which classes occur
    classes, true, chosen = drawn
    labels = range(classes)
    counts = confusion_matrix(true, chosen, classes)
    assert np.array_equal(counts, sklearn_confusion(true, chosen, labels=labels))
    expected = f1_score(true, chosen, labels=labels, average=None, zero_division=0)
    assert f1_scores(counts) == pytest.approx(expected, abs=1e-12)
    macro = f1_score(true, chosen, labels=labels, average="macro", zero_division=0)
    assert f1_scores(counts).mean() == pytest.approx(macro, abs=1e-12)
    assert accuracy(counts) == pytest.approx(accuracy_score(true, chosen), abs=1e-12)


def test_macro_f1_is_not_micro_f1():
    # trap: micro-F1 equals accuracy on single-label data
    true, chosen = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    counts = confusion_matrix(true, chosen, 2)
    assert accuracy(counts) == 0.75
    assert f1_scores(counts).mean() == pytest.approx((6 / 7 + 0) / 2)


def test_images_without_a_label_are_left_out():
    counts = confusion_matrix(np.array([0, -1, 1, -1]), np.array([0, 1, 0, 0]), 2)
    assert counts.tolist() == [[1, 0], [1, 0]]


def test_no_image_at_all_scores_zero():
    counts = confusion_matrix(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 3)
    assert counts.shape == (3, 3)
    assert accuracy(counts) == 0
    assert f1_scores(counts).tolist() == [0, 0, 0]


@given(answers(), st.integers(1, 39))
def test_counts_of_parts_add_up_to_those_of_the_whole(drawn, cut):
    # trap: F1 averaged over batches is not the F1 of the epoch; counts are what may be added
    classes, true, chosen = drawn
    parts = [confusion_matrix(true[s], chosen[s], classes) for s in (slice(cut), slice(cut, None))]
    assert np.array_equal(sum(parts), confusion_matrix(true, chosen, classes))

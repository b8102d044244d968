"""How different members are."""

import numpy as np
import pytest

from inference.diversity import correlation, disagreement


def test_disagreement_is_the_share_of_images_with_other_answers():
    one, other = np.eye(3, dtype=bool)[[0, 1, 2, 0]], np.eye(3, dtype=bool)[[0, 1, 0, 1]]
    assert disagreement([one, other, one]).tolist() == [[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]]


def test_the_correlation_of_being_wrong_is_numpys():
    wrong = list(np.random.default_rng(0).random((4, 50)) < 0.3)
    assert correlation(wrong) == pytest.approx(np.corrcoef(np.stack(wrong)))


def test_who_is_never_wrong_has_no_correlation():
    found = correlation([np.array([False, False]), np.array([True, False])])
    assert found == pytest.approx(np.array([[0, 0], [0, 1]]))

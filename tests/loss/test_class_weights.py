"""Class weights against sklearn's and torch's."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from loss.base import LOSSES, PerHeadLoss
from loss.class_weights import ClassWeights
from utils.registry import Component

LABELS = torch.tensor([0] * 7 + [1] * 2 + [2])
TARGETS = F.one_hot(LABELS, 3).float()


def test_balanced_is_sklearns_formula():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS.numpy())
    ours = ClassWeights.from_text("balanced").of(TARGETS.sum(dim=0))
    torch.testing.assert_close(ours.double(), torch.from_numpy(expected))


@given(st.lists(st.integers(0, 9999), min_size=2, max_size=9).filter(any), st.floats(0, 1))
def test_the_mean_weight_over_images_is_one_and_rarer_never_weighs_less(counts, power):
    counted = torch.tensor(counts, dtype=torch.float64)
    weights = ClassWeights(power).of(counted)
    assert float((weights * counted).sum() / counted.sum()) == pytest.approx(1)
    present = sorted((count, float(w)) for count, w in zip(counts, weights, strict=True) if count)
    assert all(a[1] >= b[1] * (1 - 1e-9) for a, b in itertools.pairwise(present))


def test_weighted_cross_entropy_is_torchs():
    logits = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor([0.2, 1.0, 3.0])
    loss = PerHeadLoss({"age": LOSSES.build(Component("CrossEntropy"))}, {"age": 1}, {"age": weights})
    ours = loss({"age": logits}, {"age": TARGETS})
    torch.testing.assert_close(ours, F.cross_entropy(logits, LABELS, weight=weights))


@pytest.mark.parametrize("name", [name for name in LOSSES.names() if "one_of" in LOSSES.get(name).accepts])
def test_a_class_weight_of_two_is_the_same_as_seeing_its_images_twice(name):
    logits = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
    loss = LOSSES.build(Component(name), scale=30.0)
    twice = torch.cat([torch.arange(10), torch.arange(10)[LABELS == 2]])
    weighted = PerHeadLoss({"a": loss}, {"a": 1}, {"a": torch.tensor([1.0, 1.0, 2.0])})
    torch.testing.assert_close(weighted({"a": logits}, {"a": TARGETS}), loss(logits[twice], TARGETS[twice]))


# By hand: (1 - 1/2) / (1 - 1/2^n) is 1, 2/3 and 4/7 for 1, 2 and 3 images, whose sum over the six images
# is 1 + 4/3 + 12/7 = 85/21; and (1 - 0.9) / (1 - 0.9^2) is 1 / 1.9.
@pytest.mark.parametrize(
    ("text", "counts", "expected"),
    [
        ("effective 0.5", [1, 2, 3], [126 / 85, 84 / 85, 72 / 85]),
        ("effective 0.9", [1, 2, 0], [3 / (1 + 2 / 1.9), 3 / 1.9 / (1 + 2 / 1.9), 0]),
        ("Effective 0", [1, 2, 3], [1, 1, 1]),
        ("effective 0.999999999", [1, 2, 4], [7 / 3, 7 / 6, 7 / 12]),  # as balanced
    ],
)
def test_effective_numbers_are_those_of_the_paper(text, counts, expected):
    for dtype in (torch.float32, torch.float64):
        found = ClassWeights.from_text(text).of(torch.tensor(counts, dtype=dtype))
        assert found.dtype == dtype
        assert found.tolist() == pytest.approx(expected, rel=1e-6)


@given(
    st.lists(st.integers(0, 9999), min_size=2, max_size=9).filter(any),
    st.floats(0, 1, exclude_max=True),
    st.floats(0.1, 1),
)
def test_effective_weights_have_mean_one_and_lie_between_equal_and_balanced(counts, beta, share):
    counted = torch.tensor(counts, dtype=torch.float64) * share  # soft labels count in fractions
    weights = ClassWeights(beta=beta).of(counted)
    assert float((weights * counted).sum() / counted.sum()) == pytest.approx(1)
    balanced = ClassWeights(1.0).of(counted)
    for i, j in itertools.permutations([k for k, count in enumerate(counts) if count], 2):
        if counts[i] < counts[j]:
            ratio, most = float(weights[i] / weights[j]), float(balanced[i] / balanced[j])
            assert 1 - 1e-9 <= ratio <= most * (1 + 1e-9)


@given(
    st.one_of(
        st.floats(0, 1).map(lambda p: float(f"{p:g}")).map(ClassWeights),
        st.floats(0, 1, exclude_max=True).map(lambda beta: ClassWeights(beta=beta)),
    )
)
def test_class_weights_survive_being_written(weights):
    assert ClassWeights.from_text(str(weights)) == weights


@pytest.mark.parametrize(
    ("text", "equal"),
    [("none", True), ("0", True), ("effective 0", True), ("balanced", False), ("effective 0.9", False)],
)
def test_equal_says_whether_there_is_any_weighting(text, equal):
    weights = ClassWeights.from_text(text)
    assert weights.equal is equal
    assert bool((weights.of(torch.tensor([1.0, 5.0])) == 1).all()) is equal


@pytest.mark.parametrize("text", ["often", "-1", "2", "nan", "effective", "effective much", "balanced 1"])
def test_other_texts_are_refused_with_what_would_fit(text):
    with pytest.raises(ValueError, match="power from 0"):
        ClassWeights.from_text(text)


@pytest.mark.parametrize("text", ["effective 1", "effective -0.1", "effective nan"])
def test_a_beta_that_the_formula_has_no_value_for_is_refused(text):
    with pytest.raises(ValueError, match="beta must be at least 0 and below 1"):
        ClassWeights.from_text(text)

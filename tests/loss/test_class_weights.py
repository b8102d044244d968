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


@pytest.mark.parametrize("name", LOSSES.names())
def test_a_class_weight_of_two_is_the_same_as_seeing_its_images_twice(name):
    logits = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
    loss = LOSSES.build(Component(name))
    twice = torch.cat([torch.arange(10), torch.arange(10)[LABELS == 2]])
    weighted = PerHeadLoss({"a": loss}, {"a": 1}, {"a": torch.tensor([1.0, 1.0, 2.0])})
    torch.testing.assert_close(weighted({"a": logits}, {"a": TARGETS}), loss(logits[twice], TARGETS[twice]))


@pytest.mark.parametrize("text", ["often", "-1", "2", "nan"])
def test_other_texts_are_refused_with_what_would_fit(text):
    with pytest.raises(ValueError, match="power from 0"):
        ClassWeights.from_text(text)

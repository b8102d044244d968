"""Biases for a score of the right label's place, held against a search through all that differs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import top_k_accuracy_score

from dataset.metrics.evidence import OneOfEvidence
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.map_at_k import MapAtK
from dataset.metrics.rank_steps import biases_of_ranks
from dataset.metrics.top_k import TopK

LABELS = ("a", "b", "c", "d")
METRICS = [TopK(k=1), TopK(k=2), TopK(k=4), MapAtK(k=1), MapAtK(k=3), MapAtK(k=9)]


def score(metric, logits: np.ndarray, true: np.ndarray) -> float:
    return metric.score(OneOfEvidence(LABELS, true, lambda: logits.argmax(axis=1), lambda: logits))


@st.composite
def cases(draw):
    images = draw(st.integers(1, 10))
    values = st.integers(-4, 4).map(float)  # so that many are equal
    logits = draw(arrays.arrays(np.float64, (images, 4), elements=values))
    return logits, draw(arrays.arrays(np.int64, (images,), elements=st.integers(0, 3)))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: f"{metric.name}")
@given(case=cases())
def test_no_single_bias_of_the_end_can_be_made_better(metric, case) -> None:
    logits, true = case
    biases = biases_of_ranks(logits, true, metric.worths(4))
    reached = score(metric, logits + biases, true)
    assert reached >= score(metric, logits, true)
    for label in range(4):
        others = np.delete(logits + biases, label, axis=1)
        edges = np.unique(others - logits[:, [label]])
        for step in [edges[0] - 1, *((edges[1:] + edges[:-1]) / 2), edges[-1] + 1]:
            changed = biases.copy()
            changed[label] = step
            assert score(metric, logits + changed, true) <= reached + 1e-9


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: f"{metric.name}")
@given(case=cases())
def test_the_score_is_the_mean_worth_of_the_place(metric, case) -> None:
    logits, true = case
    later = np.arange(4) > true[:, None]
    right = logits[np.arange(len(true)), true][:, None]
    place = ((logits > right) | ((logits == right) & later)).sum(axis=1)
    assert score(metric, logits, true) == pytest.approx(metric.worths(4)[place].mean())


def test_a_label_that_is_always_second_gets_its_place_as_sklearn_counts_it() -> None:
    rng = np.random.default_rng(1)
    true = rng.choice(10, 400, p=np.array([40, 30, 10, 5, 5, 3, 3, 2, 1, 1]) / 100)
    logits = rng.normal(size=(400, 10)) + 1.5 * np.eye(10)[true]
    logits[:, :2] += 2  # a model that says the two frequent ones too often
    before = top_k_accuracy_score(true, logits, k=3, labels=range(10))
    biases = biases_of_ranks(logits, true, TopK(k=3).worths(10))
    assert top_k_accuracy_score(true, logits + biases, k=3, labels=range(10)) > before + 0.03


def test_other_metrics_are_no_mean_of_worths_and_nothing_to_search_changes_nothing() -> None:
    assert MacroF1().worths(3) is None
    assert biases_of_ranks(np.zeros((0, 3)), np.zeros(0, np.int64), TopK(k=1).worths(3)).tolist() == [0] * 3
    everything = TopK(k=5).worths(3)
    assert biases_of_ranks(np.eye(3), np.array([2, 0, 1]), everything).tolist() == [0] * 3

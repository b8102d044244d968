"""The draws of a bootstrap: one matrix product where counts add up, and bounded in time where they don't."""

import time

import numpy as np
import pytest
from hypothesis import given

from dataset.metrics import curves
from dataset.metrics import draws as draws_of
from dataset.metrics import tally as tallies
from dataset.metrics.average_precision import AveragePrecision
from dataset.metrics.base import METRICS, Anew
from dataset.metrics.draws import Draws
from dataset.metrics.evidence import OneOfEvidence
from dataset.metrics.label_counts import label_counts
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.quadratic_kappa import QuadraticKappa
from dataset.metrics.roc_auc import RocAuc
from dataset.metrics.spearman import Spearman
from tests.dataset.metrics.asked import any_of, one_of
from utils.seeds import numpy_generator

_FREE = {"OfTask", "FileMetric", "ExactPaths"}  # these have tests of their own


def groups_of(count: int) -> list[str]:
    return [f"person {image // 3}" for image in range(count)]


def metrics_of(kind):
    return [
        METRICS.get(name)()
        for name in METRICS.names()
        if name not in _FREE and kind in METRICS.get(name).suits
    ]


@given(one_of())
def test_draws_are_what_a_loop_over_their_weights_gives_of_one_label(question):
    check_draws(question, "one_of")


@given(any_of())
def test_draws_are_what_a_loop_over_their_weights_gives_of_any_labels(question):
    check_draws(question, "any_of")


def check_draws(question, kind):
    draws = Draws(groups_of(len(question.evidence)), seed=3, repeats=8)
    weights = list(draws.weights(8))
    for metric in metrics_of(kind):
        drawn = metric.statistic(question.evidence).drawn(draws)[:, 0]
        looped = [metric.score(question.evidence, of) for of in weights]
        assert drawn == pytest.approx(looped, abs=1e-9), metric.name


@pytest.mark.parametrize(("groups", "repeats"), [(1, 4), (7, 90), (100, 9), (300, 40)])
@pytest.mark.parametrize("at_once", [1000, 4_000_000])
def test_draws_are_numbers_of_one_generator_drawn_one_after_another(monkeypatch, groups, repeats, at_once):
    monkeypatch.setattr(draws_of, "_AT_ONCE", at_once)  # in parts, or all together and kept
    monkeypatch.setattr(draws_of, "_IN_CACHE", 500)
    draws = Draws([f"person {number}" for number in range(groups)], seed=3, repeats=repeats)
    generator = numpy_generator("bootstrap", 3)
    rows = [generator.integers(groups, size=groups) for _ in range(repeats)]
    expected = [np.bincount(row, minlength=groups).tolist() for row in rows]
    for _ in range(2):  # each score asks for them
        assert np.concatenate(list(draws.parts())).tolist() == expected


def test_the_product_is_the_same_whether_the_groups_counts_are_kept_whole_or_sparse(monkeypatch):
    random = np.random.default_rng(0)
    true, chosen = random.integers(-1, 40, 500), random.integers(0, 40, 500)
    evidence = OneOfEvidence(tuple(map(str, range(40))), true, lambda: chosen, np.zeros)
    draws = Draws(groups_of(500), seed=0, repeats=50)
    whole = np.concatenate(list(label_counts(evidence).drawn(draws)))
    monkeypatch.setattr(tallies, "_DENSE", 0)
    assert (np.concatenate(list(label_counts(evidence).drawn(draws))) == whole).all()


def test_a_slow_metric_gets_fewer_draws_where_there_is_much_to_count_and_never_too_few():
    names = ("1", "2", "3")
    few, many = (np.zeros(count, dtype=np.int64) for count in (20, 9_000_000))
    small = OneOfEvidence(names, few, lambda: few, lambda: np.zeros((20, 3)))
    large = OneOfEvidence(names, many, lambda: many, lambda: np.zeros((1, 3)))
    statistics = [Spearman().statistic(of) for of in (small, large)]
    assert all(isinstance(statistic, Anew) for statistic in statistics)
    assert statistics[0].most_draws > 1000
    assert statistics[1].most_draws == Spearman.fewest_draws == 100


@pytest.mark.parametrize("metric", [RocAuc(), RocAuc(above=0.8), AveragePrecision()])
def test_curves_of_all_draws_are_those_of_a_loop_and_sort_each_label_once(metric, monkeypatch):
    random = np.random.default_rng(1)
    true = random.integers(-1, 4, 900)
    sure = random.integers(0, 60, (900, 5)) / 60  # many ties, and a label that no image has
    evidence = OneOfEvidence(tuple("abcde"), true, lambda: true, lambda: sure)
    draws = Draws(groups_of(900), seed=5, repeats=300)
    sorted_labels = []
    kept = curves._Ranked.__init__
    monkeypatch.setattr(
        curves._Ranked, "__init__", lambda self, *of: (sorted_labels.append(1), kept(self, *of))[1]
    )
    drawn = metric.statistic(evidence).drawn(draws)[:, 0]
    assert len(sorted_labels) == 4
    looped = [metric.score(evidence, of) for of in draws.weights(300)]
    assert drawn == pytest.approx(looped, abs=1e-9)


@pytest.mark.parametrize("metric", [RocAuc(), AveragePrecision()])
def test_the_work_of_curves_is_bounded_however_many_images_and_labels_there_are(metric):
    def statistic_of(images, labels):
        true = np.zeros(1, dtype=np.int64)
        evidence = OneOfEvidence(("a", "b", "c"), true, lambda: true, lambda: np.zeros((1, 3)))
        statistic = metric.statistic(evidence)
        statistic.marks = np.broadcast_to(np.False_, (images, labels))
        return statistic

    assert statistic_of(18_900, 1000).affordable(1000) == 1000  # eight seconds
    for images, labels in ((100_000, 1000), (10**6, 500), (18_900, 10_000)):
        draws = statistic_of(images, labels).affordable(1000)
        assert 100 <= draws < 1000
        assert draws == 100 or draws * images * labels <= curves._MOST_WORK
    assert statistic_of(10**6, 10**4).affordable(20) == 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "labels", "most"),
    [
        (MacroF1(), 1000, 20),
        (QuadraticKappa(), 1000, 20),
        (AveragePrecision(), 1000, 20),
        (RocAuc(), 1000, 20),
        (RocAuc(), 18, 5),
    ],
)
def test_a_thousand_draws_of_18900_images_take_seconds_and_with_1000_classes_no_minutes(metric, labels, most):
    random = np.random.default_rng(0)
    true = random.integers(0, labels, 18_900)
    sure = random.random((18_900, labels), dtype=np.float32)
    chosen = np.where(random.random(18_900) < 0.5, true, sure.argmax(axis=1))
    evidence = OneOfEvidence(tuple(map(str, range(labels))), true, lambda: chosen, lambda: sure)
    draws = Draws([str(image // 7) for image in range(18_900)], seed=0, repeats=1000)
    start = time.process_time()
    drawn = metric.statistic(evidence).drawn(draws)
    assert len(drawn) >= 100
    assert time.process_time() - start < most

"""Decisions find what a search through everything finds."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score

from tests.tools.ensemble.pool import EVERY_KIND, drawn, permuted, task
from tools.ensemble.decisions.base import DECISIONS, suiting
from tools.ensemble.decisions.class_bias import best_bias, best_biases
from tools.ensemble.methods.base import logits_of, one_of


def macro_f1(logits, true, biases):
    labels = range(logits.shape[1])
    return f1_score(true, (logits + biases).argmax(axis=1), labels=labels, average="macro", zero_division=0)


@st.composite
def small_cases(draw, classes):
    images = draw(st.integers(1, 12))
    values = st.integers(-4, 4).map(float)  # so that many are equal
    logits = draw(arrays.arrays(np.float64, (images, classes), elements=values))
    return logits, draw(arrays.arrays(np.int64, (images,), elements=st.integers(0, classes - 1)))


def all_steps(logits, biases, label):
    """Return a bias between all those at which an image's answer changes, and beyond them."""
    others = np.delete(logits + biases, label, axis=1)
    edges = np.unique(others.max(axis=1) - logits[:, label])
    return [edges[0] - 1, *((edges[1:] + edges[:-1]) / 2), edges[-1] + 1]


def with_one(biases, label, value):
    changed = biases.copy()
    changed[label] = value
    return changed


@given(case=small_cases(3), label=st.integers(0, 2))
def test_a_line_search_finds_the_best_of_all_steps(case, label):
    logits, true = case
    biases = np.array([0.5, 0.0, -0.25])
    every = [
        macro_f1(logits, true, with_one(biases, label, step)) for step in all_steps(logits, biases, label)
    ]
    found = best_bias(logits, true, biases, label)
    assert macro_f1(logits, true, with_one(biases, label, found)) == pytest.approx(max(every))


@given(case=small_cases(2))
def test_of_two_classes_the_biases_are_the_best_there_are(case):
    # only their difference matters, so the steps of one are all that there is
    logits, true = case
    none = np.zeros(2)
    best = max(macro_f1(logits, true, with_one(none, 0, step)) for step in all_steps(logits, none, 0))
    assert macro_f1(logits, true, best_biases(logits, true)) == pytest.approx(best)


@given(case=small_cases(3))
def test_no_single_bias_of_the_end_can_be_made_better(case):
    logits, true = case
    biases = best_biases(logits, true)
    reached = macro_f1(logits, true, biases)
    for label in range(3):
        for step in all_steps(logits, biases, label):
            assert macro_f1(logits, true, with_one(biases, label, step)) <= reached + 1e-9


def test_three_classes_come_near_to_the_best_of_a_whole_grid():
    generator = np.random.default_rng(0)
    true = generator.choice(3, 60, p=[0.7, 0.2, 0.1])
    logits = generator.normal(size=(60, 3)) + 1.2 * np.eye(3)[true] + np.log([0.7, 0.2, 0.1])
    grid = np.linspace(-4, 4, 17)
    best = max(macro_f1(logits, true, np.array([0, *two])) for two in itertools.product(grid, grid))
    reached = macro_f1(logits, true, best_biases(logits, true))
    assert reached >= best - 0.02
    assert reached > macro_f1(logits, true, np.zeros(3))


@pytest.mark.parametrize("made", EVERY_KIND.values(), ids=EVERY_KIND)
@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
def test_decisions_suit_their_tasks_and_do_no_harm_where_they_were_fitted(made, seed):
    members, truth = drawn(made, 30, 1, seed)
    where, said = truth.joined, made.join(one_of(members, 0))
    rows = torch.randperm(30, generator=torch.Generator().manual_seed(seed))
    assert suiting(made)
    for name in suiting(made):
        decision = DECISIONS.get(name)()
        fitted = decision.fit(said, where)
        found = decision.apply(said, fitted, where.task)
        for space in where.task.spaces:
            values = found[space.name]
            assert ((values >= 0) & (values <= 1)).all()
            if space.kind == "one_of":
                assert torch.allclose(values.sum(dim=1), torch.ones(30, dtype=torch.float64))
        if name != "Temperature":  # which is fitted to the log loss
            assert where.score(found) >= where.score(said) - 1e-12
        other = decision.fit({space: of[rows] for space, of in said.items()}, where.at(rows))
        again = decision.apply(said, other, where.task)
        assert all(torch.allclose(again[space], found[space], atol=1e-9) for space in found), name


def test_which_decisions_suit():
    assert suiting(EVERY_KIND["any"]) == ["PriorCorrection", "Temperature", "Thresholds"]
    for kind in ("three heads", "joint", "classes", "path", "levels"):
        assert suiting(EVERY_KIND[kind]) == ["ClassBias", "PriorCorrection", "Temperature"]


def test_thresholds_have_the_best_f1_of_every_label():
    made = task("MultiLabelTask", threshold=0.3)
    members, truth = drawn(made, 60, 1, digits=2)
    said, decision = one_of(members, 0), DECISIONS.get("Thresholds")()
    found = decision.apply(said, decision.fit(said, truth), made)
    chosen, true = made.decide(logits_of(made, found))["labels"].numpy(), truth.targets["labels"].numpy()
    values = said["labels"].numpy()
    for label in range(true.shape[1]):
        every = [f1_score(true[:, label], values[:, label] >= t) for t in np.unique(values[:, label])]
        assert f1_score(true[:, label], chosen[:, label]) == pytest.approx(max(every))


def test_a_temperature_has_the_lowest_log_loss():
    made = task("ClassificationTask")
    members, truth = drawn(made, 200, 1)
    said = {"label": (one_of(members, 0)["label"].clamp(1e-6).log() * 3).softmax(dim=1)}  # too sure
    decision = DECISIONS.get("Temperature")()
    fitted = decision.fit(said, truth)

    def loss(t):
        logits = logits_of(made, said)["label"] / t
        return float(made.spaces[0].surprise(logits, truth.targets["label"]).sum())

    assert fitted["label"] > 1.5
    assert loss(fitted["label"]) <= min(loss(t) for t in np.linspace(0.3, 8, 150)) + 1e-3
    found = decision.apply(said, fitted, made)
    assert torch.equal(found["label"].argmax(dim=1), said["label"].argmax(dim=1))


def test_a_prior_correction_is_menons_and_the_best_of_its_taus():
    made = task("ClassificationTask")
    members, truth = drawn(made, 100, 1)
    said, decision = one_of(members, 0), DECISIONS.get("PriorCorrection")()
    fitted = decision.fit(said, truth)
    counts = truth.targets["label"].sum(dim=0).double() + 1
    prior = counts / counts.sum()
    assert fitted["priors"]["label"] == pytest.approx(prior.tolist())

    def corrected(tau):
        values = said["label"].clamp(min=1e-16) / prior**tau
        return {"label": values / values.sum(dim=1, keepdim=True)}

    found = decision.apply(said, fitted, made)
    assert torch.allclose(found["label"], corrected(fitted["tau"])["label"])
    best = max(truth.score(corrected(tau)) for tau in np.linspace(0, 1.5, 31))
    assert truth.score(found) == pytest.approx(best)


def test_images_without_a_label_change_no_bias():
    members, truth = drawn(task("ClassificationTask"), 50, 1)
    known = truth.targets["label"].any(dim=1).nonzero().flatten()
    assert len(known) < 50
    decision, said = DECISIONS.get("ClassBias")(), one_of(members, 0)
    only, at = permuted(members, truth, known)
    assert decision.fit(said, truth) == decision.fit(one_of(only, 0), at)

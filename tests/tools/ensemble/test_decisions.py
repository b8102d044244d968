"""Decisions find what a search through everything finds."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score

from dataset.metrics.accuracy import Accuracy
from dataset.metrics.base import METRICS
from dataset.metrics.draws import Draws
from dataset.metrics.evidence import OneOfEvidence
from dataset.metrics.f_beta import FBeta
from dataset.metrics.macro_f1 import MacroF1
from dataset.metrics.micro_f1 import MicroF1
from dataset.metrics.quadratic_kappa import QuadraticKappa
from dataset.metrics.samples_f1 import SamplesF1
from dataset.metrics.steps import goodness
from dataset.tasks.classification import ClassificationTask
from tests.tools.ensemble.pool import EVERY_KIND, drawn, permuted, task
from tools.ensemble.cross_fit import cross_fitted, deal_parts
from tools.ensemble.decisions.base import DECISIONS, serving, suiting
from tools.ensemble.decisions.class_bias import best_bias, best_biases
from tools.ensemble.methods.base import ENSEMBLES, Truth, logits_of, one_of
from tools.ensemble.trials import Trial, choose_decision


def grades(metrics, labels=("0", "1", "2", "3")):
    return ClassificationTask(root=Path(), labels_found=lambda: labels).scored_by(metrics)


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
        judge = decision.judged(where)
        assert judge.score(found) >= judge.score(said) - 1e-12
        other = decision.fit({space: of[rows] for space, of in said.items()}, where.at(rows))
        again = decision.apply(said, other, where.task)
        assert all(torch.allclose(again[space], found[space], atol=1e-9) for space in found), name


def test_which_decisions_suit():
    assert suiting(EVERY_KIND["any"]) == ["OneThreshold", "PriorCorrection", "Thresholds"]
    assert serving(EVERY_KIND["any"]) == ["PriorCorrection"]  # mAP only looks at an order
    for kind in ("three heads", "joint", "classes", "path", "levels"):
        assert suiting(EVERY_KIND[kind]) == serving(EVERY_KIND[kind]) == ["ClassBias", "PriorCorrection"]


@pytest.mark.parametrize(
    ("metric", "decisions"),
    [
        ("MacroF1", ["ClassBias"]),
        ("Accuracy", ["ClassBias"]),
        ("BalancedAccuracy", ["ClassBias"]),
        ("QuadraticKappa", ["ClassBias", "Cuts"]),
        ("RMSE", ["ClassBias", "Cuts"]),
        ("LogLoss", ["Temperature"]),
        ("RocAuc", []),
        ("TopK", ["ClassBias"]),
        ("MapAtK", ["ClassBias"]),
    ],
)
def test_decisions_follow_the_metric_of_classes(metric, decisions):
    expected = sorted([*decisions, "PriorCorrection"])
    assert serving(grades([(METRICS.get(metric)(), None)])) == expected


@pytest.mark.parametrize("metric", [SamplesF1(), MicroF1(), MacroF1(), FBeta(), Accuracy()])
def test_thresholds_follow_the_metric_of_tags(metric):
    made = EVERY_KIND["any"].scored_by([(metric, None)])
    assert serving(made) == ["OneThreshold", "PriorCorrection", "Thresholds"]
    assert "Thresholds" not in suiting(task("MultiLabelTask", decide="count"))


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


def graded_run(seed, images=300, noise=False):
    """Grades whose probabilities lean to the middle ones, or know nothing."""
    random = np.random.default_rng(seed)
    true = random.choice(4, images, p=[0.6, 0.15, 0.15, 0.1])
    about = random.integers(0, 4, images) if noise else 0.35 * true + 1.2
    logits = -((about[:, None] + random.normal(0, 0.3, (images, 1)) - np.arange(4)) ** 2)
    targets = {"label": torch.eye(4)[true]}
    made = grades([(QuadraticKappa(), None)])
    said = {"label": torch.from_numpy(logits).softmax(dim=1)}
    return said, Truth(made, targets, tuple(map(str, range(images))))


def test_cuts_raise_the_kappa_and_what_they_return_has_the_grades_that_were_cut():
    said, truth = graded_run(0)
    decision = DECISIONS.get("Cuts")()
    fitted = decision.fit(said, truth)
    found = decision.apply(said, fitted, truth.task)
    assert truth.score(found) > truth.score(said) + 0.05
    expected = (said["label"].numpy() * np.arange(4)).sum(axis=1)
    by_hand = sum((expected > cut).astype(int) for cut in fitted["label"])
    assert (found["label"].argmax(dim=1).numpy() == by_hand).all()
    in_a_file = (found["label"] * 1e6).round() / 1e6
    assert torch.equal(in_a_file.argmax(dim=1), found["label"].argmax(dim=1))


@pytest.mark.parametrize("noise", [False, True])
def test_a_nested_gain_is_taken_where_it_is_one_and_not_where_there_is_only_noise(noise):
    said, truth = graded_run(1, noise=noise)
    members = {"label": said["label"][None]}
    part = deal_parts(truth.task.marks(truth.targets), truth.groups)
    names = serving(truth.task)
    made = {name: DECISIONS.get(name)() for name in names}
    trials = {}
    for name, probabilities in cross_fitted(ENSEMBLES.get("SoftVote")(), made, members, truth, part).items():
        scorer = truth.task.main_scorer(logits_of(truth.task, probabilities), truth.targets)
        drawn = scorer.drawn(Draws(truth.groups, 0, 300))["quadratic_kappa"]
        trials["SoftVote", name] = Trial(truth.task, probabilities, scorer(), drawn)
    taken, reason = choose_decision(trials, "SoftVote", names)
    assert (taken == "") == noise, reason
    inside = DECISIONS.get("Cuts")().fit(said, truth)
    assert truth.score(DECISIONS.get("Cuts")().apply(said, inside, truth.task)) >= truth.score(said)


@pytest.mark.parametrize("metric", ["Accuracy", "BalancedAccuracy", "Matthews", "MicroF1", "QuadraticKappa"])
@settings(max_examples=15)
@given(case=small_cases(2))
def test_of_two_classes_the_biases_are_the_best_there_are_by_any_metric(metric, case):
    logits, true = case
    by = METRICS.get(metric)()
    evidence = OneOfEvidence(("0", "1"), true, lambda: true, lambda: logits)
    none = np.zeros(2)

    def score(biases):
        return goodness(by, evidence, (logits + biases).argmax(axis=1))

    best = max(score(with_one(none, 0, step)) for step in all_steps(logits, none, 0))
    assert score(best_biases(logits, true, by, ("0", "1"))) == pytest.approx(max(best, score(none)))


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), metric=st.sampled_from([SamplesF1(), MicroF1(), FBeta(), Accuracy()]))
def test_decisions_of_tags_never_lower_their_metric_where_they_were_fitted(seed, metric):
    members, truth = drawn(EVERY_KIND["any"].scored_by([(metric, None)]), 25, 1, seed)
    said = one_of(members, 0)
    for name in serving(truth.task):
        decision = DECISIONS.get(name)()
        found = decision.apply(said, decision.fit(said, truth), truth.task)
        assert truth.score(found) >= truth.score(said) - 1e-12, name


def test_tuned_tags_have_thresholds_by_the_metric_of_the_competition():
    made = task("MultiLabelTask", decide="tuned").scored_by([(SamplesF1(), None)])
    members, truth = drawn(made, 80, 1, digits=2)
    logits = logits_of(made, one_of(members, 0))
    tuned = made.tuned(made.tune(logits, truth.targets))
    by_own_f1 = made.scored_by([(MacroF1(), None)])
    other = made.tuned(by_own_f1.tune(logits, truth.targets))
    scores = [of.scores(logits, truth.targets)["samples_f1"] for of in (made, other, tuned)]
    assert scores[2] >= max(scores[:2])
    assert scores[2] > scores[0]


@pytest.mark.parametrize("name", ["TopK", "MapAtK"])
def test_top_k_is_served_by_biases_that_gain_on_others_where_a_model_is_one_sided(name):
    from dataset.metrics.map_at_k import MapAtK
    from dataset.metrics.top_k import TopK

    metric = {"TopK": TopK(k=2), "MapAtK": MapAtK(k=2)}[name]
    made = grades([(metric, None)], tuple("abcdef"))
    assert serving(made) == ["ClassBias", "PriorCorrection"]
    rng = np.random.default_rng(2)
    true = rng.integers(0, 6, 600)
    logits = rng.normal(size=(600, 6)) + 2 * np.eye(6)[true]
    targets = {"label": torch.eye(6)[torch.from_numpy(true)]}
    truth = Truth(made, targets, tuple(map(str, range(600))))
    part = deal_parts(made.marks(targets), truth.groups)

    def gain(shift):
        said = {"label": torch.from_numpy(logits + shift).softmax(dim=1)[None]}  # of one member
        fitted = cross_fitted(
            ENSEMBLES.get("SoftVote")(), {"ClassBias": DECISIONS.get("ClassBias")()}, said, truth, part
        )
        return truth.score(fitted["ClassBias"]) - truth.score(fitted[""])

    assert gain(np.array([2.0, 2, 0, 0, 0, 0])) > 0.05
    assert abs(gain(np.zeros(6))) < 0.02  # nothing to gain: noise, which no interval calls real

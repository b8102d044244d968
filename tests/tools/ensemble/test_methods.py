"""Ensembles keep what every ensemble must, and each does what its name says."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from tests.tools.ensemble.pool import EVERY_KIND, drawn, permuted, task
from tools.ensemble.logistic import Model, fit_logistic, log_loss
from tools.ensemble.methods.base import ENSEMBLES, logits_of, one_of

KINDS = pytest.mark.parametrize("made", EVERY_KIND.values(), ids=EVERY_KIND)
ALL = pytest.mark.parametrize("name", ENSEMBLES.names())
SEEDS = st.integers(0, 10**6)
FEW = settings(max_examples=3)  # for each of many kinds and names


def made_by(name, members, truth):
    ensemble = ENSEMBLES.get(name)()
    return ensemble.combine(members, ensemble.fit(members, truth), truth.task)


def close(one, other):
    return all(torch.allclose(one[space], other[space], atol=1e-6) for space in other)


@KINDS
def test_the_quick_score_is_the_tasks_own(made):
    members, truth = drawn(made, 60, 3, digits=1)
    for number in range(3):
        said = one_of(members, number)
        expected = made.scores(logits_of(made, said), truth.targets)[made.main_scores[0]]
        assert truth.score(said) == pytest.approx(expected, abs=1e-12)
        quick = made.main_scorer(logits_of(made, said), truth.targets)
        weights = np.random.default_rng(number).integers(0, 3, 60)
        whole = made.scorer(logits_of(made, said), truth.targets)(weights)
        assert {score: quick(weights)[score] for score in made.main_scores} == {
            score: whole[score] for score in made.main_scores
        }


@KINDS
@pytest.mark.parametrize("name", [name for name in ENSEMBLES.names() if name != "Stacking"])
@FEW
@given(seed=SEEDS)
def test_an_ensemble_of_one_is_that_one(name, made, seed):
    members, truth = drawn(made, 25, 1, seed)
    found, own = made_by(name, members, truth), one_of(members, 0)
    assert close(found, own)
    chosen, expected = (made.decide(logits_of(made, said)) for said in (found, own))
    assert all(torch.equal(chosen[space], expected[space]) for space in expected)


@KINDS
@ALL
@FEW
@given(seed=SEEDS)
def test_the_order_of_images_changes_nothing(name, made, seed):
    members, truth = drawn(made, 30, 3, seed)
    rows = torch.randperm(30, generator=torch.Generator().manual_seed(seed))
    found, other = made_by(name, members, truth), made_by(name, *permuted(members, truth, rows))
    assert close(other, {space: of[rows] for space, of in found.items()})


@KINDS
@ALL
def test_probabilities_come_out(name, made):
    members, truth = drawn(made, 40, 4)
    found = made_by(name, members, truth)
    for space in made.spaces:
        values = found[space.name]
        assert values.shape == (40, len(space.labels))
        assert (values >= 0).all()
        assert (values <= 1 + 1e-6).all()
        if space.kind == "one_of":
            assert torch.allclose(values.sum(dim=1), torch.ones(40, dtype=torch.float64), atol=1e-4)


@KINDS
@pytest.mark.parametrize("name", ["Greedy", "WeightedMean"])
@FEW
@given(seed=SEEDS, count=st.integers(1, 4), digits=st.integers(1, 3))
def test_searched_weights_add_up_to_one_and_lose_to_no_member(name, made, seed, count, digits):
    members, truth = drawn(made, 25, count, seed, digits)
    ensemble = ENSEMBLES.get(name)()
    fitted = ensemble.fit(members, truth)
    assert sum(fitted["weights"]) == pytest.approx(1, abs=1e-12)
    assert min(fitted["weights"]) >= 0
    score = truth.score(ensemble.combine(members, fitted, made))
    assert score >= max(truth.score(one_of(members, number)) for number in range(count))


def test_greedy_takes_what_caruana_says():
    made = task("ClassificationTask")
    members, truth = drawn(made, 80, 5, seed=3)
    fitted = ENSEMBLES.get("Greedy")().fit(members, truth)
    bag, scores = [], []
    for _ in range(30):  # the same by hand: the next one is the one with which the mean scores best
        tried = [truth.score({"label": members["label"][[*bag, new]].mean(dim=0)}) for new in range(5)]
        bag.append(int(np.argmax(tried)))
        scores.append(max(tried))
    best = bag[: int(np.argmax(scores)) + 1]
    assert fitted["weights"] == pytest.approx([best.count(m) / len(best) for m in range(5)])


def test_two_members_get_weights_as_good_as_a_grid():
    members, truth = drawn(task("ClassificationTask"), 80, 2, seed=5)
    ensemble = ENSEMBLES.get("WeightedMean")()
    score = truth.score(ensemble.combine(members, ensemble.fit(members, truth), truth.task))
    one, other = members["label"]
    assert score >= max(truth.score({"label": (1 - t) * one + t * other}) for t in (0, 0.1, 0.3, 0.5, 0.8))


@given(seed=SEEDS, count=st.integers(1, 5))
def test_a_hard_vote_counts_answers_and_breaks_ties_by_probability_and_then_by_place(seed, count):
    members, truth = drawn(task("ClassificationTask"), 20, count, seed, digits=1)
    found = made_by("HardVote", members, truth)["label"].argmax(dim=1)
    for image in range(20):
        said = members["label"][:, image]
        votes, mean = Counter(said.argmax(dim=1).tolist()), said.mean(dim=0)
        expected = max(votes, key=lambda label: (votes[label], round(float(mean[label]), 9), -label))
        assert found[image] == expected


def test_a_hard_vote_of_any_labels_is_the_majoritys():
    members, truth = drawn(task("MultiLabelTask"), 50, 3)
    found = made_by("HardVote", members, truth)["labels"] >= 0.5
    assert torch.equal(found, (members["labels"] >= 0.5).sum(dim=0) >= 2)


def test_ranks_do_not_care_how_sure_a_member_is():
    members, truth = drawn(task("ClassificationTask"), 50, 3)
    sure = {"label": members["label"].clone()}
    sure["label"][0] = sure["label"][0] ** 4 / (sure["label"][0] ** 4).sum(dim=1, keepdim=True)
    ranks = members["label"].argsort(dim=2).argsort(dim=2).double().mean(dim=0)
    for found in (made_by("RankMean", members, truth), made_by("RankMean", sure, truth)):
        best = found["label"].argmax(dim=1, keepdim=True)
        assert torch.equal(ranks.gather(1, best), ranks.max(dim=1, keepdim=True).values)


def test_each_space_comes_from_the_member_that_is_best_at_it():
    made = task("MaskTask")
    members, truth = drawn(made, 60, 3)
    for number, space in enumerate(("gender", "age", "mask")):
        members[space][number] = truth.targets[space].double()
    found = made_by("BestOfEachSpace", members, truth)
    assert all(torch.equal(found[space], truth.targets[space].double()) for space in found)
    joined = {"class": torch.stack([made.join(one_of(members, m))["class"] for m in range(3)])}
    found = made_by("BestOfEachSpace", joined, truth.joined)
    assert torch.allclose(found["class"], truth.joined.targets["class"].double())


def test_parts_of_joined_answers_are_the_answers():
    made = task("MaskTask")
    members, _ = drawn(made, 30, 1, digits=15)
    own = one_of(members, 0)
    whole = made.join(own)
    assert torch.allclose(whole["class"].sum(dim=1), torch.ones(30, dtype=torch.float64))
    assert close(made.joined.part(whole), own)
    answers, joined = made.answers(made.decide(own)), made.joined.answers(made.joined.decide(whole))
    assert all((answers[view] == joined[view]).all() for view in made.questions)


def objective(kind, said, targets, l2, weights, biases):
    loss = log_loss(kind, Model(weights, biases).logits(said), targets)
    return loss + l2 / 2 * (weights - 1 / len(said)).square().sum()


@pytest.mark.parametrize("kind", ["one_of", "any_of"])
@pytest.mark.parametrize("l2", [1.0, 0.01])
def test_a_stack_is_where_nothing_gets_better(kind, l2):
    members, truth = drawn(task("ClassificationTask" if kind == "one_of" else "MultiLabelTask"), 200, 3)
    ((name, said),), targets = members.items(), next(iter(truth.targets.values())).double()
    known = targets.any(dim=1) if kind == "one_of" else torch.ones(200).bool()
    said, targets = said[:, known].clamp(1e-6, 1 - 1e-6).log(), targets[known]
    model = fit_logistic(kind, said, targets, l2)
    weights, biases = model.weights.clone().requires_grad_(), model.biases.clone().requires_grad_()
    objective(kind, said, targets, l2, weights, biases).backward()
    assert weights.grad.abs().max() < 1e-4, name
    assert biases.grad.abs().max() < 1e-4


def test_a_stack_is_a_logistic_regression():
    members, truth = drawn(task("MultiLabelTask"), 300, 3)
    said, targets = torch.logit(members["labels"].clamp(1e-6, 1 - 1e-6)), truth.targets["labels"].double()
    model = fit_logistic("any_of", said, targets, 1e-9)
    for label in range(targets.shape[1]):
        features = said[:, :, label].T.numpy()
        known = LogisticRegression(C=1e9, tol=1e-9, max_iter=1000).fit(features, targets[:, label].numpy())
        expected = known.predict_proba(features)[:, 1]
        assert torch.sigmoid(model.logits(said)[:, label]).numpy() == pytest.approx(expected, abs=1e-4)


def test_a_stack_learns_whom_to_believe():
    members, truth = drawn(task("ClassificationTask"), 400, 3)
    members["label"][2] = members["label"][2].flip(0)  # says nothing about these images
    weights = torch.tensor(ENSEMBLES.get("Stacking")().fit(members, truth)["label"]["weights"])
    assert weights[2].abs().max() < weights[:2].min()

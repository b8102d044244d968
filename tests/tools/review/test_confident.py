"""Confident learning against the paper's formulas, written out as loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.review.confident import (
    RULES,
    ConfidentJoint,
    confident_learning,
    margins,
    pooled,
    prune_by_noise_rate,
    worst_first,
)


def by_loops(labels, probabilities):
    """Thresholds, joint and {index: (suggested label, margin)} as in the paper's equations 1 and 2."""
    count = probabilities.shape[1]
    thresholds = []
    for label in range(count):
        own = [p[label] for p, of in zip(probabilities, labels, strict=True) if of == label]
        thresholds.append(sum(own) / len(own) if own else float("inf"))
    joint, suspects = np.zeros((count, count), int), {}
    for index, (p, label) in enumerate(zip(probabilities, labels, strict=True)):
        reached = [j for j in range(count) if p[j] >= thresholds[j]]
        if not reached:
            continue
        confident = max(reached, key=lambda j: (p[j], -j))
        joint[label, confident] += 1
        if confident != label:
            suspects[index] = confident, p[label] - max(p[j] for j in range(count) if j != label)
    return thresholds, joint, suspects


@given(st.data())
def test_it_is_what_the_papers_formulas_say(data):
    count, images = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 30))
    labels = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=images, max_size=images)))
    raw = data.draw(
        st.lists(
            st.lists(st.integers(1, 5), min_size=count, max_size=count), min_size=images, max_size=images
        )
    )
    probabilities = np.array(raw, float) / np.sum(raw, axis=1, keepdims=True)
    thresholds, joint, expected = by_loops(labels, probabilities)
    found, doubted = ConfidentJoint.of(labels, probabilities), confident_learning(labels, probabilities)
    np.testing.assert_allclose(found.thresholds, thresholds, atol=1e-12)
    margin = margins(labels, probabilities)
    suspects = worst_first(doubted, margin).tolist()
    sure = np.abs(probabilities - found.thresholds) > 1e-9  # where rounding decides nothing
    if sure.all():
        assert found.counts.tolist() == joint.tolist()
        assert set(suspects) == set(expected)
        assert all(doubted[index] == expected[index][0] for index in suspects)
    of_suspects = [margin[index] for index in suspects]
    assert of_suspects == sorted(of_suspects)
    for index in set(suspects) & set(expected):
        assert margin[index] == pytest.approx(expected[index][1], abs=1e-12)


def planted(images=3000, classes=3, rate=0.05, sure=3.0):
    """Labels of which some are wrong, the probabilities of a model, and which are wrong."""
    random = np.random.default_rng(0)
    true = random.integers(0, classes, images)
    logits = random.normal(0, 1, (images, classes)) + sure * np.eye(classes)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = random.random(images) < rate
    labels = np.where(wrong, (true + random.integers(1, classes, images)) % classes, true)
    return labels, probabilities, wrong


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_wrong_labels_that_were_planted_are_found(rule):
    labels, probabilities, wrong = planted()
    doubted = rule(labels, probabilities)
    suspects = worst_first(doubted, margins(labels, probabilities))
    assert wrong[suspects[:100]].mean() > 0.9
    assert (doubted[wrong] >= 0).mean() > 0.7
    assert (doubted != labels).all()


@pytest.mark.parametrize(
    ("classes", "rate", "sure"), [(18, 0.03, 5), (3, 0.05, 3), (10, 0.1, 4), (2, 0.02, 4)]
)
def test_as_many_as_the_noise_rates_say_are_more_of_the_wrong_ones_and_hardly_any_right_one(
    classes, rate, sure
):
    labels, probabilities, wrong = planted(9000, classes, rate, sure)
    recall, precision = {}, {}
    for name, rule in RULES.items():
        doubted = rule(labels, probabilities) >= 0
        recall[name], precision[name] = doubted[wrong].mean(), wrong[doubted].mean()
    assert recall["prune_by_noise_rate"] > recall["confident_learning"] + 0.1
    assert precision["prune_by_noise_rate"] > 0.85


def pruned_by_loops(labels, probabilities):
    """The paper's equation 3 and method 4 written out, with the two rules that cleanlab adds."""
    _, joint, _ = by_loops(labels, probabilities)
    count, doubted = len(joint), set()
    for given_label in range(count):
        row = [max(1, n) if j == given_label else n for j, n in enumerate(joint[given_label])]
        images = [i for i, label in enumerate(labels) if label == given_label]
        for other in range(count):
            if other != given_label:
                most = round(len(images) * row[other] / sum(row))
                gap = {i: probabilities[i, other] - probabilities[i, given_label] for i in images}
                doubted |= set(sorted(images, key=lambda i: (-gap[i], i))[:most])
    return {i: int(probabilities[i].argmax()) for i in doubted if probabilities[i].argmax() != labels[i]}


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 60))
def test_pruning_by_noise_rate_is_what_its_formula_says(seed, count, images):
    random = np.random.default_rng(seed)
    labels, probabilities = random.integers(0, count, images), random.dirichlet(np.ones(count), images)
    doubted = prune_by_noise_rate(labels, probabilities)
    assert {i: label for i, label in enumerate(doubted.tolist()) if label >= 0} == pruned_by_loops(
        labels, probabilities
    )


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_order_of_the_images_changes_nothing(rule):
    random = np.random.default_rng(1)
    labels, probabilities = random.integers(0, 3, 200), random.dirichlet(np.ones(3), 200)
    order = random.permutation(200)
    first = worst_first(rule(labels, probabilities), margins(labels, probabilities))
    again = labels[order], probabilities[order]
    assert order[worst_first(rule(*again), margins(*again))].tolist() == first.tolist()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_labels_that_a_model_agrees_with_are_not_doubted(rule):
    labels = np.array([0, 1, 2, 1, 0])
    assert (rule(labels, np.eye(3)[labels] * 0.7 + 0.1) == -1).all()


def test_a_label_that_is_never_given_is_never_confident():
    labels, probabilities = np.array([0, 0, 1]), np.array([[0.1, 0.1, 0.8], [0.6, 0.2, 0.2], [0.3, 0.4, 0.3]])
    found = ConfidentJoint.of(labels, probabilities)
    assert np.isinf(found.thresholds[2])
    assert 2 not in found.confident


def test_photos_of_a_person_give_one_judgement():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]])
    found = pooled(probabilities, np.array([1, 1, 1, 0]), 2)
    means = np.array([0.9 * 0.2 * 0.4, 0.1 * 0.8 * 0.6]) ** (1 / 3)
    np.testing.assert_allclose(found, [[0.5, 0.5], means / means.sum()], atol=1e-12)


def test_one_photo_that_is_sure_and_wrong_does_not_decide_alone():
    probabilities = np.array([[1.0, 0.0], *[[0.05, 0.95]] * 6])
    assert pooled(probabilities, np.zeros(7, int), 1)[0].argmax() == 1

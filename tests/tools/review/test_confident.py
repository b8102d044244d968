"""Confident learning against the paper's formulas, written out as loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.review.confident import Confident, pooled


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
    found = Confident.of(labels, probabilities)
    np.testing.assert_allclose(found.thresholds, thresholds, atol=1e-12)
    suspects = found.suspects(labels).tolist()
    sure = np.abs(probabilities - found.thresholds) > 1e-9  # where rounding decides nothing
    if sure.all():
        assert found.joint.tolist() == joint.tolist()
        assert set(suspects) == set(expected)
        assert all(found.label[index] == expected[index][0] for index in suspects)
    margins = [found.margin[index] for index in suspects]
    assert margins == sorted(margins)
    for index in set(suspects) & set(expected):
        assert found.margin[index] == pytest.approx(expected[index][1], abs=1e-12)


def test_wrong_labels_that_were_planted_are_found():
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 3000)
    logits = random.normal(0, 1, (3000, 3)) + 3 * np.eye(3)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels, planted = true.copy(), np.arange(150)
    labels[planted] = (true[planted] + random.integers(1, 3, 150)) % 3
    suspects = Confident.of(labels, probabilities).suspects(labels)
    assert np.isin(planted, suspects).mean() > 0.7  # the others are not doubted confidently
    assert np.isin(suspects[:100], planted).mean() > 0.9


def test_the_order_of_the_images_changes_nothing():
    random = np.random.default_rng(1)
    labels, probabilities = random.integers(0, 3, 200), random.dirichlet(np.ones(3), 200)
    order = random.permutation(200)
    first = Confident.of(labels, probabilities)
    second = Confident.of(labels[order], probabilities[order])
    assert order[second.suspects(labels[order])].tolist() == first.suspects(labels).tolist()


def test_a_label_that_is_never_given_is_never_suggested():
    labels, probabilities = np.array([0, 0, 1]), np.array([[0.1, 0.1, 0.8], [0.6, 0.2, 0.2], [0.3, 0.4, 0.3]])
    found = Confident.of(labels, probabilities)
    assert np.isinf(found.thresholds[2])
    assert 2 not in found.label


def test_photos_of_a_person_give_one_judgement():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]])
    found = pooled(probabilities, np.array([1, 1, 1, 0]), 2)
    means = np.array([0.9 * 0.2 * 0.4, 0.1 * 0.8 * 0.6]) ** (1 / 3)
    np.testing.assert_allclose(found, [[0.5, 0.5], means / means.sum()], atol=1e-12)


def test_one_photo_that_is_sure_and_wrong_does_not_decide_alone():
    probabilities = np.array([[1.0, 0.0], *[[0.05, 0.95]] * 6])
    assert pooled(probabilities, np.zeros(7, int), 1)[0].argmax() == 1

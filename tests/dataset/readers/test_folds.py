"""Splits: groups stay together, sizes and labels are shared out, and nothing else has a say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, StratifiedGroupKFold

from dataset.readers.folds import iterative_folds, split


def drawn_labels(images, labels, seed, rate=0.3):
    rates = np.random.default_rng(seed).uniform(0.02, rate, labels)
    return np.random.default_rng(seed + 1).random((images, labels)) < rates


def largest_deviation(labels, fold_of, folds):
    """Return how far a label's share in a fold is from its share in all, relative to that, at most."""
    whole = labels.mean(axis=0)
    parts = [labels[fold_of == fold].mean(axis=0) for fold in range(folds)]
    return max(np.abs(part / whole - 1)[whole > 0].max() for part in parts)


@st.composite
def tables(draw):
    images, seed = draw(st.integers(10, 200)), draw(st.integers(0, 999))
    labels = drawn_labels(images, draw(st.integers(1, 6)), seed)
    names = draw(st.integers(5, images))
    groups = [f"g{number}" for number in np.random.default_rng(seed).integers(0, names, images)]
    return labels, groups, draw(st.integers(2, 5)), seed


@given(tables(), st.booleans())
def test_groups_are_never_divided_and_no_fold_is_too_large(drawn, stratified):
    labels, groups, folds, seed = drawn
    found = split(labels, groups, folds, seed, stratified=stratified)
    assert len(found) == len(groups)
    assert set(found) <= set(range(folds))
    assert len(set(zip(groups, found.tolist(), strict=True))) == len(set(groups))
    largest = max(groups.count(name) for name in set(groups))
    assert np.bincount(found, minlength=folds).max() < len(groups) / folds + largest


@given(tables(), st.booleans())
def test_each_image_by_itself_gives_folds_of_equal_size(drawn, stratified):
    labels, _, folds, seed = drawn
    found = split(labels, [f"{i:04d}" for i in range(len(labels))], folds, seed, stratified=stratified)
    sizes = np.bincount(found, minlength=folds)
    assert sizes.max() - sizes.min() <= (1 if not stratified or labels.shape[1] == 1 else folds)
    assert sizes.max() < len(labels) / folds + 1


@given(tables())
def test_a_split_depends_on_labels_groups_and_seed_but_not_on_the_order_of_images(drawn):
    labels, groups, folds, seed = drawn
    found = split(labels, groups, folds, seed)
    assert np.array_equal(found, split(labels.copy(), list(groups), folds, seed))
    order = np.random.default_rng(0).permutation(len(groups))
    shuffled = split(labels[order], [groups[i] for i in order], folds, seed)
    assert np.array_equal(shuffled, found[order])


@given(st.permutations(range(30)))
def test_neither_does_that_of_images_with_one_label_each(order):
    labels, names = np.eye(3, dtype=bool)[np.arange(30) % 3], [f"{i:02d}" for i in range(30)]
    found = split(labels, names, 5, 0)
    shuffled = split(labels[order], [names[i] for i in order], 5, 0)
    assert np.array_equal(shuffled, found[order])


def test_another_seed_gives_another_split():
    labels, names = drawn_labels(200, 3, 0), [f"{i:04d}" for i in range(200)]
    assert not np.array_equal(split(labels, names, 5, 1), split(labels, names, 5, 2))


def test_a_drawn_split_never_changes():
    # A team's folds must be the same next month: these numbers are to be kept, not to be updated.
    labels = np.array([[i % 2, i % 3 == 0] for i in range(12)], dtype=bool)
    assert split(labels, list("aabbccddeeff"), 3, 7).tolist() == [1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 2, 2]
    single = split(labels, [f"{i:02d}" for i in range(12)], 3, 7)
    assert single.tolist() == [0, 2, 0, 2, 2, 0, 1, 1, 2, 0, 1, 1]


@pytest.mark.parametrize(("images", "labels", "seed"), [(1000, 10, 0), (3000, 20, 1), (2000, 50, 2)])
def test_labels_are_shared_out_far_better_than_by_chance(images, labels, seed):
    has = drawn_labels(images, labels, seed)
    found = split(has, [f"{i:05d}" for i in range(images)], 5, seed)
    chance = np.empty(images, dtype=int)
    for fold, (_, rows) in enumerate(KFold(5, shuffle=True, random_state=seed).split(has)):
        chance[rows] = fold
    ours, theirs = largest_deviation(has, found, 5), largest_deviation(has, chance, 5)
    print(f"{images} images, {labels} labels: {ours:.3f} against KFold's {theirs:.3f}")
    assert ours < 0.3 * theirs


def test_labels_of_whole_groups_are_shared_out_far_better_than_by_chance():
    has = drawn_labels(3000, 20, 3)
    groups = [f"{number:03d}" for number in np.random.default_rng(3).integers(0, 400, 3000)]
    found = split(has, groups, 5, 3)
    chance = split(has, groups, 5, 3, stratified=False)
    ours, theirs = largest_deviation(has, found, 5), largest_deviation(has, chance, 5)
    print(f"groups: {ours:.3f} against {theirs:.3f} of groups dealt out at random")
    assert ours < 0.3 * theirs


def test_one_label_and_groups_are_split_about_as_well_as_by_sklearn():
    target = load_digits().target
    has = np.eye(10, dtype=bool)[target]
    writers = np.random.default_rng(0).integers(0, 250, len(target))
    found = split(has, [f"{writer:03d}" for writer in writers], 5, 0)
    theirs = np.empty(len(target), dtype=int)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for fold, (_, rows) in enumerate(splitter.split(target, target, writers)):
        theirs[rows] = fold
    ours, sklearns = largest_deviation(has, found, 5), largest_deviation(has, theirs, 5)
    print(f"digits of 250 writers: {ours:.3f} against StratifiedGroupKFold's {sklearns:.3f}")
    assert ours < 1.2 * sklearns


def test_one_label_of_images_is_dealt_out_to_the_last_one():
    target = load_digits().target
    found = split(np.eye(10, dtype=bool)[target], [f"{i:04d}" for i in range(len(target))], 5, 0)
    for digit in range(10):
        counts = np.bincount(found[target == digit], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_a_rare_label_reaches_as_many_folds_as_it_can():
    has = np.zeros((100, 3), dtype=bool)
    has[:, 0], has[:50, 1], has[:5, 2] = True, True, True
    found = split(has, [f"{i:03d}" for i in range(100)], 5, 0)
    assert sorted(found[:5]) == [0, 1, 2, 3, 4]
    assert np.bincount(found[:50]).tolist() == [10] * 5


def test_groups_without_any_label_fill_the_folds_up():
    counts = np.array([[4], [4], [0], [0], [0], [0]])
    found = iterative_folds(counts, np.array([4, 4, 2, 2, 2, 2]), 2, 0)
    assert found[0] != found[1]
    assert np.bincount(found, weights=[4, 4, 2, 2, 2, 2]).tolist() == [8, 8]

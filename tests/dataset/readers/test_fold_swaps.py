"""Groups are exchanged between folds until the folds' mixes of labels are about as even as they can be."""

import time
import warnings

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from dataset.readers.fold_swaps import more_even
from dataset.readers.folds import iterative_folds, split


def drawn_table(seed):
    """Return labels (N) and groups (N), of up to 600 images each, whose mixes differ."""
    generator = np.random.default_rng(seed)
    groups, labels = int(generator.choice([20, 40, 100, 200])), int(generator.choice([2, 5, 10, 30]))
    sizes = np.exp(generator.uniform(0, np.log(600), groups)).astype(int)
    sizes[0] = 600
    prior = generator.dirichlet(np.full(labels, 2.0)) * labels * generator.choice([0.2, 1.0, 5.0])
    drawn = [generator.choice(labels, size, p=generator.dirichlet(prior + 1e-3)) for size in sizes]
    return np.concatenate(drawn), np.repeat(np.arange(groups), sizes), labels


def mean_total_variation(target, fold_of, folds, labels):
    whole = np.bincount(target, minlength=labels) / len(target)
    mixes = [np.bincount(target[fold_of == fold], minlength=labels) for fold in range(folds)]
    return np.mean([np.abs(mix / max(1, mix.sum()) - whole).sum() / 2 for mix in mixes])


def sklearns(target, groups, folds):
    found = np.empty(len(target), dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label that has fewer images than there are folds
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
        for fold, (_, rows) in enumerate(splitter.split(target, target, groups)):
            found[rows] = fold
    return found


def test_mixes_of_labels_are_more_even_than_sklearns():
    ours, theirs = [], []
    for seed in range(9):
        target, groups, labels = drawn_table(seed)
        folds = (2, 5, 10)[seed % 3]
        found = split(np.eye(labels, dtype=bool)[target], [f"{g:04d}" for g in groups], folds, seed)
        ours.append(mean_total_variation(target, found, folds, labels))
        theirs.append(mean_total_variation(target, sklearns(target, groups, folds), folds, labels))
    print(f"mean total variation {np.mean(ours):.4f}, StratifiedGroupKFold's {np.mean(theirs):.4f}")
    assert np.mean(ours) < np.mean(theirs)
    assert np.mean(np.array(ours) <= np.array(theirs)) >= 0.75


def counted(target, groups, labels):
    counts = np.zeros((groups.max() + 1, labels), dtype=np.int64)
    np.add.at(counts, (groups, target), 1)
    return counts, np.bincount(groups)


@pytest.mark.parametrize("seed", range(4))
def test_exchanges_lower_the_variation_and_make_neither_sizes_nor_missing_labels_worse(seed):
    target, groups, labels = drawn_table(seed)
    counts, sizes = counted(target, groups, labels)
    before = iterative_folds(counts, sizes, 5, seed)
    after = more_even(before, counts, sizes, 5, seed)
    assert mean_total_variation(target, after[groups], 5, labels) < mean_total_variation(
        target, before[groups], 5, labels
    )
    share = len(target) / 5
    far = [np.abs(np.bincount(of[groups], minlength=5) - share).max() for of in (before, after)]
    assert far[1] <= max(far[0], 0.02 * share + 1)
    missing = [sum(not (target[of[groups] == f] == k).any() for f in range(5) for k in range(labels))
               for of in (before, after)]  # fmt: skip
    assert missing[1] <= missing[0]


def test_folds_depend_on_the_arguments_alone():
    target, groups, labels = drawn_table(3)
    counts, sizes = counted(target, groups, labels)
    before = iterative_folds(counts, sizes, 5, 0)
    kept = before.copy()
    first = more_even(before, counts, sizes, 5, 0)
    assert np.array_equal(first, more_even(before, counts, sizes, 5, 0))
    assert np.array_equal(before, kept)
    assert not np.array_equal(first, more_even(before, counts, sizes, 5, 1))


def test_drawn_folds_of_groups_never_change():
    # A team's folds must be the same next month: this sum is to be kept, not to be updated.
    groups = np.repeat(np.arange(40), 1 + np.arange(40) ** 2 % 23)
    target = (np.arange(len(groups)) ** 2 // 7) % 4
    found = split(np.eye(4, dtype=bool)[target], [f"{g:04d}" for g in groups], 5, 7)
    of_group = found[np.unique(groups, return_index=True)[1]]
    assert "".join(map(str, of_group)) == "1043314310100210224431324444013320130220"


def test_a_hundred_thousand_groups_take_about_a_second():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 3, (100_000, 20))
    sizes = counts.sum(axis=1) + 1
    fold_of = generator.integers(0, 5, 100_000)
    begun = time.process_time()
    more_even(fold_of, counts, sizes, 5, 0)
    assert time.process_time() - begun < 6

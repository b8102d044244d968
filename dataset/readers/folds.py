"""Folds that keep a person's images together and have the same mix of labels.

Nothing here depends on anything but the arguments: no library's shuffling, no hash, no order of files.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dataset.readers.fold_swaps import more_even
from utils.seeds import numpy_generator


def deal_folds(strata: Sequence[str], folds: int, seed: int) -> NDArray[np.int64]:
    """Return a fold in [0, folds) for each person: strata are dealt out like cards.

    In each stratum, and overall, the folds' sizes differ by at most one. The result depends on nothing
    but the arguments: no library's shuffling, no hash, no order of files. (sklearn's StratifiedGroupKFold
    spreads strata about as well, but its folds may change with its version, and a team's must not.)

    Args:
        strata: one name a person, such as ``female old``, the people in a fixed order.
    """
    generator = numpy_generator("folds", seed)
    fold_of = np.zeros(len(strata), dtype=np.int64)
    dealt = 0
    names = np.asarray(strata)

    for stratum in sorted(set(strata)):
        people = generator.permutation(np.flatnonzero(names == stratum))
        fold_of[people] = (dealt + np.arange(len(people))) % folds
        dealt += len(people)
    return fold_of


def split(
    labels: NDArray[np.bool_], groups: Sequence[str], folds: int, seed: int, *, stratified: bool = True
) -> NDArray[np.int64]:
    """Return a fold in [0, folds) for each image (N); images of one group are in one fold.

    Groups of several images are exchanged between the folds until the mixes of labels are about as even as
    they can be (``more_even``), as one group of 600 images upsets those that were dealt out before it. Folds
    of such groups that were dealt before that was done were others: a run of then is not resumed with these.

    Args:
        labels: (N, K) which labels each image has.
        groups: (N) whose image it is.
        stratified: give all folds the same share of each label; otherwise only of images.
    """
    names, group = np.unique(np.asarray(groups), return_inverse=True)

    if not stratified:
        labels = np.zeros((len(group), 0), dtype=np.bool_)

    # An image each, with one label at most: dealt out like cards, which is exact.
    if len(names) == len(group) and (labels.sum(axis=1) <= 1).all():
        fold_of = np.empty(len(group), dtype=np.int64)
        order = np.argsort(group)
        fold_of[order] = deal_folds(_patterns(labels[order]), folds, seed)
        return fold_of

    # "None of them" is dealt out as a label of its own.
    without = ~labels.any(axis=1, keepdims=True)
    every = np.hstack([labels, without]).astype(np.int64) if stratified else labels.astype(np.int64)
    counts = np.zeros((len(names), every.shape[1]), dtype=np.int64)
    np.add.at(counts, group, every)
    sizes = np.bincount(group)

    fold_of = iterative_folds(counts, sizes, folds, seed)
    if stratified and len(names) < len(group):
        fold_of = more_even(fold_of, counts, sizes, folds, seed)
    return fold_of[group]


def iterative_folds(
    counts: NDArray[np.int64], sizes: NDArray[np.int64], folds: int, seed: int
) -> NDArray[np.int64]:
    """Return a fold in [0, folds) for each group: iterative stratification, rare labels first.

    After Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (ECML 2011), algorithm
    1: the label of which the fewest images are left is dealt out next. It differs in two points: groups of
    images, those with most of the label first, stand in place of images, and the fold is not the one that
    lacks most of that label, but the one where the group lowers sum_k (lack_k / total_k)^2 over all labels
    most; the one that lacks most images decides between equals. A fold that has its share of images gets no
    further group, so none exceeds it by as much as the largest group.

    Args:
        counts: (G, K) how many images with each label a group has; the groups in a fixed order.
        sizes: (G) how many images it has.
    """
    generator = numpy_generator("folds", seed)
    order = generator.permutation(len(sizes))
    left = counts.sum(axis=0)
    # What a fold lacks, times ``folds``, which makes all of it whole numbers that are exactly equal or not.
    lacks = np.repeat(left[None], folds, axis=0)  # (folds, K) images with each label
    room = [int(sizes.sum())] * folds  # images
    scale = 2**22 // np.maximum(1, left)  # makes a share of all images with a label a whole number
    fold_of = np.full(len(sizes), -1, dtype=np.int64)

    while (fold_of < 0).any():
        undealt, images = order[fold_of[order] < 0], sizes
        if left.any():  # the label of which the fewest images are left is dealt out next
            rarest = np.where(left > 0, left, left.max() + 1).argmin()
            images = counts[:, rarest]
            undealt = undealt[images[undealt] > 0]

        # Groups with most of it first: what comes last can no longer be evened out.
        for group in undealt[np.argsort(-images[undealt], kind="stable")]:
            part = counts[group] * scale
            gains = ((2 * lacks - folds * counts[group]) * scale * part).sum(axis=1).tolist()
            fold = max((f for f in range(folds) if room[f] > 0), key=lambda f: (gains[f], room[f], -f))

            fold_of[group] = fold
            lacks[fold] -= folds * counts[group]
            room[fold] -= folds * int(sizes[group])
            left -= counts[group]
    return fold_of


def _patterns(labels: NDArray[np.bool_]) -> list[str]:
    width = len(str(labels.shape[1]))  # so that the order as text is that of the labels
    return [f"{row.argmax():0{width}d}" if row.any() else "" for row in labels]

"""Folds that keep a person's images together and have the same mix of strata."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
        members = generator.permutation(np.flatnonzero(names == stratum))
        fold_of[members] = (dealt + np.arange(len(members))) % folds
        dealt += len(members)
    return fold_of

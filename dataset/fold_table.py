"""A team's own split: a CSV that says in which fold each group of images validates."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.errors import DataError, listed
from utils.tables import read_table

COLUMNS = ("group", "fold")


def read_folds(path: Path, groups: Sequence[str]) -> NDArray[np.int64]:
    """Return the fold of each of N groups, any of which may be there several times.

    The table is a run's ``split.csv`` or one like it: committed by a team, it deals the same folds to
    everybody, whatever the seed.

    Raises:
        DataError: lists the groups without a fold, the rows of groups that there are not, groups with two
            rows, and folds that are no whole number.
    """
    found: dict[str, int] = {}
    problems, known, seen = [], set(groups), set()
    for row in read_table(path, COLUMNS, guarded=True).rows:
        group, fold = row["group"], row["fold"]
        if group in seen:
            problems.append(f"{row.place}: group {group!r} stands there twice")
        elif group not in known:
            problems.append(f"{row.place}: no image is of group {group!r}")
        elif not fold.isdecimal():
            problems.append(f"{row.place}: fold = {fold!r} is not a whole number")
        else:
            found[group] = int(fold)
        seen.add(group)
    problems += [f"there is no row of group {group!r}" for group in sorted(known - seen)]
    if problems:
        raise DataError(listed(str(path), problems))
    return np.array([found[group] for group in groups], dtype=np.int64)

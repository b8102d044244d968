"""A team's own split: a CSV that says in which fold each group of images validates."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.doubles import keep_one
from utils.errors import DataError, listed
from utils.not_there import check_file
from utils.tables import read_table

COLUMNS = ("group", "fold")

_DIGITS = 9  # of a fold's number, at most


def wrong_fold(text: str) -> str | None:
    """Return what is wrong with the number of a fold, or None."""
    if not text.isdecimal():
        return "is not a whole number"
    return f"has more than {_DIGITS} digits" if len(text) > _DIGITS else None


def read_folds(path: Path, groups: Sequence[str]) -> NDArray[np.int64]:
    """Return the fold of each of N groups, any of which may be there several times.

    The table is a run's ``split.csv`` or one like it: committed by a team, it deals the same folds to
    everybody, whatever the seed.

    Of equal rows one counts.

    Args:
        groups: (N) as they are compared.

    Raises:
        DataError: lists the groups without a fold, the rows of groups that there are not, groups with two
            folds, and folds that are no whole number.
    """
    check_file(path, "[dataset] fold_table")
    fold_of: dict[str, int] = {}
    problems, known, seen = [], set(groups), set()
    doubles = keep_one(read_table(path, COLUMNS, guarded=True).rows, lambda row: row["group"])

    for row in doubles.rows:
        group, fold = row["group"], row["fold"]
        if group in seen:
            problems.append(f"{row.line}: group {doubles.clashes[row.line]}")
        elif group not in known:
            problems.append(f"{row.line}: no image is of group {group!r}")
        elif problem := wrong_fold(fold):
            problems.append(f"{row.line}: fold = {fold!r} {problem}")
        else:
            fold_of[group] = int(fold)
        seen.add(group)

    problems += [f"there is no row of group {group!r}" for group in sorted(known - seen)]
    if problems:
        raise DataError(listed(str(path), problems))
    return np.array([fold_of[group] for group in groups], dtype=np.int64)

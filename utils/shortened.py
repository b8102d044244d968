"""Lists and tables of thousands of names, shortened to what somebody reads."""

from collections.abc import Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
MOST = 20  # of a list's names, or of a table's rows


def listing(names: Sequence[str], where: str = "", *, between: str = ", ") -> str:
    """Return all names, or the first 20 and how many more there are; ``where`` all of them stand."""
    if len(names) <= MOST:
        return between.join(names)
    place = f", all in {where}" if where else ""
    return f"{between.join(islice(names, MOST))}{between}... and {len(names) - MOST} more{place}"


def ends(rows: Sequence[T]) -> tuple[list[T], list[T]]:
    """Return the first and the last ten of more than 20 rows; of fewer all of them, and none."""
    if len(rows) <= MOST:
        return list(rows), []
    return list(rows[: MOST // 2]), list(rows[-(MOST // 2) :])

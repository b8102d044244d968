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
    rest = f", all in {where}" if where else ""
    return f"{between.join(islice(names, MOST))}{between}... and {len(names) - MOST} more{rest}"


def brief(before: object, after: object, most: int = 200) -> tuple[str, str]:
    """Return two texts; of long ones, such as lists of thousands of labels, from where they differ on."""
    texts = str(before), str(after)
    same = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = 0 if max(map(len, texts)) <= most else max(0, same - 20)
    parts = [("... " if start else "") + text[start : start + most] for text in texts]
    first, second = (
        f"{part} ..." if len(text) > start + most else part for part, text in zip(parts, texts, strict=True)
    )
    return first, second


def ends(rows: Sequence[T]) -> tuple[list[T], list[T]]:
    """Return the first and the last ten of more than 20 rows; of fewer all of them, and none."""
    if len(rows) <= MOST:
        return list(rows), []
    return list(rows[: MOST // 2]), list(rows[-(MOST // 2) :])

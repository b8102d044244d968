"""Columns of the training table that a task asks about by their names."""

from collections.abc import Callable, Iterable, Sequence

from torch import nn

from dataset.tasks.questions import Facts
from utils.errors import DataError, closest

FactRows = Sequence[tuple[str, Facts]]  # where each row of the table stands, and what it says
RowsFound = Callable[[], FactRows]


def check_head_names(names: Iterable[str], option: str) -> None:
    """Raise ValueError where a column can't be the name of a head, which torch keeps beside its own names."""
    module = nn.ModuleDict()
    wrong = [name for name in names if "." in name or hasattr(module, name)]
    if wrong:
        raise ValueError(f"{option}: {', '.join(wrong)} can't be the name of a head: rename the column")


def check_columns(names: Iterable[str], rows: FactRows, option: str, instead: str) -> None:
    """Raise DataError unless the training table has these columns; ``option`` of [task] names them."""
    columns = rows[0][1] if rows else {}
    for name in names:
        if name not in columns:
            near = closest(name, columns)
            hint = f" Did you mean {near!r}?" if near else ""
            there = ", ".join(map(repr, columns)) or "none"
            raise DataError(
                f"The training table has no column {name!r} for [task] {option}.{hint} Its columns: {there}. "
                f"{instead}"
            )

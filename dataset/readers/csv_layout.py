"""Which column of a table says what: its images, their labels, whose they are and in which fold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from dataset.readers.relabel import Cell
from dataset.tasks.base import LABELS, Facts, Task
from dataset.tasks.cells import Separator
from dataset.tasks.label_doubts import label_doubts
from dataset.tasks.labels import labels_fact
from utils.doubles import is_index
from utils.errors import DataError
from utils.shortened import listing
from utils.tables import Table, read_table
from utils.texts import comparable

Others = Literal["others"]
_YES = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
_TYPING_ERRORS = 0.02  # of a column's cells, at most: a column with more of other values is of no 0 and 1


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a table by their meaning; ``columns`` are those of 0 and 1.

    Args:
        more: columns that mean something else, such as whose case an image is of.
        notes: what is to be said of the columns and the labels in them, a line each.
    """

    image: str | None
    label: str | None
    separator: Separator
    columns: Others | tuple[str, ...] | None
    group: str | None
    fold: str | None
    more: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def read(self, path: Path) -> tuple["Layout", Table]:
        """Return the layout with every column named, and the table, which has them all."""
        if self.label is not None and self.columns:
            raise ValueError("label_column and label_columns can't both be given")
        named = self.columns if isinstance(self.columns, tuple) else ()
        meant = (self.image, self.label, *named, self.group, self.fold, *self.more)
        needs = [name for name in meant if name is not None]

        table = read_table(path, needs)
        image = self.image or table.columns[0]
        layout = replace(self, image=image, columns=named)
        if self.columns == "others":
            used = (image, self.group, self.fold, *map(comparable, self.more))
            named, note = _of_zero_and_one(path, table, used)
            layout = replace(layout, columns=named, notes=(note,) if note else ())

        if self.label is None:
            return layout, table
        return replace(layout, separator=self.separator.of_column(table.column(self.label))), table

    def known(self, table: Table) -> list[str]:
        """Return the names of the facts that each row says."""
        return [*table.columns, *([LABELS] if self.label or self.columns else [])]

    def doubts(self, table: Table) -> list[str]:
        """Return what is odd about the labels in one column, a line each."""
        if self.label is None:
            return []
        cells = table.column(self.label)
        used = (self.image, self.label, self.group, self.fold)
        free = [name for name in table.columns if name not in used and not is_index(name)]
        others = {name: table.column(name) for name in free}
        doubts = label_doubts(cells, self.separator, self.label, others)

        listed = next((cell for cell in cells if self.separator.is_list(cell) and self.separator.lists), None)
        if listed is not None and re.fullmatch(r"\W[^'\",]*\W", listed):
            doubts.append(
                f"Column {self.label!r} is read as lists, as every cell is in brackets or quotes such as "
                f"{listed!r}. If these belong to the labels, write separator = none in [dataset]."
            )
        return doubts

    def label_names(self, table: Table) -> list[str]:
        """Return the labels in the one column, as they are written there, each as often as it is there."""
        column = self.label or ""
        return [name for row in table.rows for name in self._labels(row.as_written(column), row.line)]

    def _labels(self, cell: str, line: str) -> tuple[str, ...]:
        try:
            return self.separator.split(cell)
        except ValueError as error:
            raise DataError(f"{line}: {self.label}: {error}.") from None

    def fields(self, table: Table, task: Task) -> tuple[str, ...]:
        """Return the columns that say the labels, by default those with the name of a label space.

        Raises:
            ValueError: there are none.
        """
        named = (self.label,) if self.label else tuple(self.columns or ())
        columns = named or tuple(space for space in task.heads if space in table.columns)
        if not columns:
            raise ValueError(
                "relabel: nothing can be corrected: there is no label_column, there are no label_columns, "
                f"and no column has the name of a label space ({', '.join(task.heads)})"
            )
        return columns

    def cells(self, before: Facts, after: Facts, levels: Sequence[str]) -> list[Cell]:
        """Return what a relabel file says to make a row's facts other ones; ``levels`` are label spaces."""
        name = before[self.image or ""]
        if self.label:
            if after == before:
                return []
            between = self.separator.text
            cell = (between or "").join(filter(None, after[LABELS].split("\n")))
            old = before[self.label]
            if self.separator.is_list(old):  # what a correction says is no list
                old = (between or "").join(filter(None, before[LABELS].split("\n")))
            return [Cell(name, self.label, old, cell, between)]

        if self.columns:
            earlier, new = (set(facts[LABELS].split("\n")) for facts in (before, after))
            yes = {label: str(int(label in new)) for label in self.columns if label in earlier ^ new}
            return [Cell(name, label, before[label], value) for label, value in yes.items()]

        changed = [level for level in levels if after[level] != before[level]]
        return [Cell(name, level, before[level], after[level]) for level in changed]

    def facts(self, values: dict[str, str]) -> dict[str, str]:
        """Return a row's columns and its labels.

        Raises:
            ValueError: a column of 0 and 1 holds something else.
        """
        if self.label:
            return values | labels_fact(map(comparable, self.separator.split(values[self.label])))
        if not self.columns:
            return values
        wrong = [f"{name} = {values[name]!r}" for name in self.columns if values[name].lower() not in _YES]
        if wrong:
            raise ValueError(f"{listing(wrong)} is not 0 or 1")
        return values | labels_fact(name for name in self.columns if _YES[values[name].lower()])


def _of_zero_and_one(
    path: Path, table: Table, used: tuple[str | None, ...]
) -> tuple[tuple[str, ...], str | None]:
    """Return the columns of 0 and 1 among those without another meaning, and a line that names the rest.

    One that holds something else in very few rows only is one of them: these rows are wrong.

    Raises:
        DataError: there is none.
    """
    others = [name for name in table.columns if name not in used]
    labels: list[str] = []
    rest: list[str] = []

    for name in others:
        wrong = [cell for cell in table.column(name) if cell.lower() not in _YES]
        if is_index(name) or len(wrong) > max(1, _TYPING_ERRORS * len(table.rows)):
            rest.append(f"{name!r} is an index" if is_index(name) else f"{name} = {wrong[0]!r} is not 0 or 1")
        else:
            labels.append(name)

    if not labels:
        raise DataError(
            f"{path}: label_columns = others needs columns of 0 and 1 beside {table.columns[0]!r}: "
            f"{', '.join(rest) or 'there is no other column'}. For labels in one column write label_column = "
            "ITS NAME in [dataset]."
        )

    if not rest:
        return tuple(labels), None
    return tuple(labels), (
        f"label_columns = others: these are no labels: {'; '.join(rest[:20])}"
        f"{'; ...' if len(rest) > 20 else ''}. The labels are {', '.join(labels[:20])}"
        f"{', ...' if len(labels) > 20 else ''}."
    )

"""Columns of a table that a model sees beside the image: numbers, and words of which each image has one.

A column's values (N, D) are, for a number: the number (0 where it is missing), and 1 where it is missing. For
words: 1 for the word that it is, none of them for a word that the training table has not, and 1 where it is
missing. All of that is linear, so images that are mixed mix it too; the model brings numbers to one scale.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.base import Facts
from dataset.tasks.labels import in_order
from utils.errors import DataError, listed, unknown_name
from utils.meant_number import meant_number
from utils.shortened import listing
from utils.texts import comparable

FeatureKind = Literal["", "number", "words"]  # "": what the cells look like
_KINDS: dict[str, FeatureKind] = {"number": "number", "words": "words"}
_NO_NUMBER = frozenset(("", "nan", "na", "n/a", "null", "none", "?", "-"))  # says that a number is missing
_MOSTLY = 0.9  # of a column's cells: it is one of numbers, and the others are mistakes
_MOST_WORDS = 1000
_SPECIAL = re.compile(r"[%|,:#;\"\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Feature:
    """A column, what it holds, and its words."""

    name: str
    kind: FeatureKind = ""
    words: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it is known what the column holds."""
        return self.kind == "number" or bool(self.words)

    @property
    def width(self) -> int:
        """How many values it has."""
        return max(1, len(self.words)) + 1

    def is_missing(self, cell: str) -> bool:
        """Return whether a cell, as it is compared, says nothing."""
        return cell.casefold() in _NO_NUMBER if self.kind == "number" else not cell

    def values(self, cells: Sequence[str]) -> tuple[NDArray[np.float32], dict[int, str]]:
        """Return the values (N, D) of cells, and by row what is wrong with some."""
        table, wrong = np.zeros((len(cells), self.width), dtype=np.float32), dict[int, str]()
        number_of = {word: number for number, word in enumerate(self.words)}
        for row, cell in enumerate(cells):
            if self.is_missing(cell):
                table[row, -1] = 1
            elif self.kind == "words":
                if cell in number_of:
                    table[row, number_of[cell]] = 1
            elif (number := _number(cell)) is None:
                wrong[row] = f"{self.name} = {cell!r} is no number{meant_number(cell)}"
            else:
                table[row, 0] = number
        return table, wrong

    def cells(self, values: NDArray[np.float32]) -> list[str]:
        """Return cells of which ``values`` makes these (N, D) again; a word that is none of them is ``?``."""
        if self.kind == "number":
            return ["" if missing else f"{number:.9g}" for number, missing in values.tolist()]
        names = (*self.words, "")
        return [names[int(row.argmax())] if row.any() else "?" for row in values]

    def found_in(self, cells: Sequence[str], lines: Sequence[str]) -> "Feature":
        """Return the same column with what it holds, by its cells in the training table.

        Raises:
            DataError: it says nothing of any image, or some of its cells are not what nearly all others are;
                or it has too many words.
        """
        if self.known:
            return self
        numbers = replace(self, kind="number")
        of_numbers = [cell for cell in cells if not numbers.is_missing(cell)]
        read = sum(_number(cell) is not None for cell in of_numbers)
        if self.kind != "words" and of_numbers and read >= _MOSTLY * len(of_numbers):
            _, wrong = numbers.values(cells)
            if wrong:
                hint = f"\nMend them, or write {self.name}: words in [dataset] features if these are words."
                problems = [f"{lines[row]}: {problem}" for row, problem in wrong.items()]
                raise DataError(listed("The training table", problems) + hint)
            return numbers
        return self._of_words(cells)

    def _of_words(self, cells: Sequence[str]) -> "Feature":
        words = in_order(filter(None, cells))
        if not words:
            raise DataError(f"[dataset] features: column {self.name!r} is empty in every row.")

        # Numbers as some countries write them would be as many words as there are images.
        commas = [cell for cell in words if "," in cell and meant_number(cell)]
        if self.kind != "words" and len(commas) >= _MOSTLY * len(words):
            raise DataError(
                f"[dataset] features: {self.name} = {commas[0]!r} is no number{meant_number(commas[0])}, or "
                f"{self.name}: words if these are words."
            )

        if len(words) > _MOST_WORDS:
            raise DataError(
                f"[dataset] features: column {self.name!r} has {len(words)} different words, more than "
                f"{_MOST_WORDS}: leave it out, or group them in a copy of the tables."
            )
        return replace(self, kind="words", words=words)

    @classmethod
    def from_text(cls, text: str) -> "Feature":
        """Return a column as a config says it: ``age``, ``age: number`` or ``site: words north | south``."""
        name, colon, rest = text.partition(":")
        named = _KINDS.get(rest.split(maxsplit=1)[0]) if rest.strip() else None
        if not name.strip() or (colon and named is None):
            raise ValueError(f"{text.strip()!r} is not of the form COLUMN, COLUMN: number or COLUMN: words")
        words = rest.strip()[len(named or "") :]
        if named == "number" and words:
            raise ValueError(f"{text.strip()!r}: a number has no words")
        known = tuple(_unescaped(word.strip()) for word in words.split("|")) if words.strip() else ()
        return cls(comparable(_unescaped(name.strip())), named or "", known)

    def __str__(self) -> str:
        words = " | ".join(map(_escaped, self.words))
        return f"{_escaped(self.name)}{': ' if self.kind else ''}{self.kind} {words}".strip()


@dataclass(frozen=True, slots=True)
class Features:
    """Columns that a model sees; in a config ``age, sex``, or ``site: words`` where numbers are names.

    What they hold is found in the training table, and kept in the run's config with the words.
    """

    columns: tuple[Feature, ...]

    @classmethod
    def from_text(cls, text: str) -> "Features":
        columns = tuple(map(Feature.from_text, text.split(",")))
        names = [column.name for column in columns]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} is there twice")
        return cls(columns)

    def __str__(self) -> str:
        return ", ".join(map(str, self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, as they are compared."""
        return tuple(column.name for column in self.columns)

    @property
    def known(self) -> bool:
        """Whether it is known what each column holds."""
        return all(column.known for column in self.columns)

    @property
    def words(self) -> tuple[int, ...]:
        """How many words each column has, 0 for a number: what a model needs to know of them."""
        return tuple(len(column.words) for column in self.columns)

    def found_in(self, rows: Sequence[tuple[str, Facts]]) -> "Features":
        """Return the same columns with what they hold, by the rows of the training table and their lines.

        Raises:
            DataError: a column is missing, or one is not to be understood.
        """
        if self.known:
            return self
        lines = [line for line, _ in rows]
        known = rows[0][1] if rows else {}
        if missing := [name for name in self.names if name not in known]:
            raise DataError(f"[dataset] features: {unknown_name('column', missing[0], known)}")
        cells = {name: [comparable(facts[name]) for _, facts in rows] for name in self.names}
        return Features(tuple(column.found_in(cells[column.name], lines) for column in self.columns))

    def table(self, rows: Sequence[Mapping[str, str]]) -> tuple["FeatureTable", dict[int, list[str]]]:
        """Return the values of N rows, and by row what is wrong with some."""
        parts, wrong = [], dict[int, list[str]]()
        for column in self.columns:
            values, problems = column.values([comparable(row[column.name]) for row in rows])
            parts.append(values)
            for row, problem in problems.items():
                wrong.setdefault(row, []).append(problem)
        return FeatureTable(self, torch.from_numpy(np.hstack(parts))), wrong

    def strange(self, rows: Sequence[Mapping[str, str]]) -> list[str]:
        """Return a line for each column with words that the training table has not."""
        lines = []
        for column in self.columns:
            cells = [comparable(row[column.name]) for row in rows]
            others = [cell for cell in cells if cell and column.words and cell not in column.words]
            if others:
                names = listing(list(map(repr, dict.fromkeys(others))))
                lines.append(
                    f"{column.name}: {len(others)} of {len(cells)} images have a word that the training "
                    f"table has not, which counts as none of its words: {names}"
                )
        return lines


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """The values of N images, float32 (N, D), and of which columns they are."""

    columns: Features
    values: Tensor

    def at(self, rows: Sequence[int] | NDArray[np.int64]) -> "FeatureTable":
        """Return those of some rows, in this order."""
        return replace(self, values=self.values[torch.as_tensor(np.asarray(rows, dtype=np.int64))])

    @property
    def cells(self) -> dict[str, list[str]]:
        """The cells (N) by column, of which the same values are made again."""
        ends = np.cumsum([column.width for column in self.columns.columns])
        parts = np.split(self.values.numpy(), ends[:-1], axis=1)
        pairs = zip(self.columns.columns, parts, strict=True)
        return {column.name: column.cells(part) for column, part in pairs}


def _number(cell: str) -> float | None:
    """Return a finite number of 32 bits, None where the cell is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    finite = math.isfinite(value) and abs(value) <= np.finfo(np.float32).max
    return value if finite and "_" not in cell else None


def _escaped(text: str) -> str:
    """Return a text with what has a meaning in a config as its code, such as ``%2C`` for a comma."""
    return _SPECIAL.sub(_code, text)


def _code(mark: re.Match[str]) -> str:
    number = ord(mark[0])
    return f"%{number:02X}" if number <= 0xFF else f"%u{number:04X}"


def _unescaped(text: str) -> str:
    codes = r"%(?:u([0-9A-F]{4})|([0-9A-F]{2}))"
    return re.sub(codes, lambda code: chr(int(code[1] or code[2], 16)), text)

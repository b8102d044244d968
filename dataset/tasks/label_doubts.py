"""What is odd about the labels in a table: another separator, too many of them, names that look alike."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from dataset.tasks.cells import Separator
from utils.texts import comparable

_PLAIN = (",", ";", "|", "\t", "\N{FULLWIDTH COMMA}", "\N{IDEOGRAPHIC COMMA}", "\N{FULLWIDTH SEMICOLON}")
_USUAL = (*_PLAIN, "/", " ", "+", "&")  # the first hardly stand in a name
FEWEST = 6  # images below which nearly every number of labels is many
MANY = 0.8  # labels for each image
_SHOWN = 3  # labels that are named
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_NOTHING = ("nan", "null", "<na>", "#n/a")  # which, unlike NA and None, nobody calls a label


def label_doubts(
    cells: Sequence[str], separator: Separator, column: str, others: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return what the team should look at, a line each, with what to write if it is wrong.

    Args:
        cells: of the column with the labels.
        separator: as it reads them.
        others: the cells of the columns without a meaning, by name.
    """
    labels = {name for cell in set(cells) for name in _labels(cell, separator)}
    other = _other_separator(labels, separator)
    doubts = [] if other is None else [other]
    doubts += _vectors(cells, separator, column)
    filled = sum(bool(comparable(cell)) for cell in cells)
    if filled >= FEWEST and len(labels) >= MANY * filled and other is None:
        doubts.append(
            f"There are {len(labels)} labels for {filled} images in column {column!r}, such as "
            f"{_named(sorted(labels))}: hardly any two images have one in common. If that is the wrong "
            f"column (names, texts or numbers), write label_column = {_classes(others)} in [dataset]; if "
            "other marks stand between labels, write separator = THE MARK there."
        )
    return doubts + look_alike(labels)


def _vectors(cells: Sequence[str], separator: Separator, column: str) -> list[str]:
    """Return a line where each cell says by a row of 0 and 1 which labels there are, and names none."""
    filled = [cell for cell in map(comparable, cells) if cell]
    rows = {
        cell: [name.rstrip("0").rstrip(".") or "0" for name in _labels(cell, separator)]
        for cell in set(filled)
    }

    lengths = {len(row) for row in rows.values()}
    lists = len(lengths) == 1 and min(lengths) > 1 and all(set(row) <= {"0", "1"} for row in rows.values())
    texts = len(set(map(len, rows))) == 1 and all(re.fullmatch("[01]{3,}", cell) for cell in rows)

    if len(filled) < FEWEST or not (lists or texts):
        return []
    return [
        f"The cells of column {column!r} are rows of 0 and 1, such as {filled[0]!r}, and read as labels of "
        "these names. If each place is a label, write a table with a column of 0 and 1 for each, and "
        "label_columns = others in [dataset]."
    ]


def _classes(others: Mapping[str, Sequence[str]]) -> str:
    """Return the name of the column that looks most like one of classes."""
    values = {name: len(set(cells)) for name, cells in others.items()}
    few = {name: count for name, count in values.items() if 1 < count < len(others[name]) / 2}
    return min(few, key=lambda name: (few[name], name)) if few else "THE COLUMN OF CLASSES"


def _labels(cell: str, separator: Separator) -> tuple[str, ...]:
    try:
        return separator.split(cell)
    except ValueError:  # which is said of its row
        return ()


def look_alike(labels: Iterable[str]) -> list[str]:
    """Return a line for each label that differs from another one only in capitals, blanks or letter forms.

    Numbers of one value do too; and there is a line for each word that programs write where there is nothing.
    """
    labels = set(labels)

    alike: dict[str, list[str]] = {}
    for name in sorted(labels):
        folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        if _NUMBER.fullmatch(folded):  # 1, 1.0 and 01
            folded = repr(float(folded))
        alike.setdefault(folded, []).append(name)

    several = [names for names in alike.values() if len(names) > 1]
    return [
        f"The labels {' and '.join(map(repr, names))} look alike, but are labels of their own. If they are "
        f"one, write {names[0]!r} everywhere, in a copy of the table."
        for names in several[:_SHOWN]
    ] + [
        f"{name!r} is a label of its own. If no label is known there, empty these cells, in a copy of the "
        "table."
        for name in sorted(labels)
        if name.casefold() in _NOTHING
    ]


def _other_separator(labels: set[str], separator: Separator) -> str | None:
    """Return a line on the usual mark that turns most labels into labels that exist, if there is one."""
    best: tuple[int, str, list[str]] | None = None
    for mark in _USUAL:
        if mark == separator.text:
            continue
        divided = {name: Separator(mark).parts(name) for name in labels if mark in name}
        wrong = sorted(
            name
            for name, parts in divided.items()
            if labels.issuperset(parts)
            or (mark in _PLAIN and (name.strip(mark) != name or not labels.isdisjoint(parts)))
        )
        if not wrong and mark in _PLAIN and _shared(divided.values()):
            wrong = sorted(divided)
        if wrong and (best is None or len(wrong) > best[0]):
            best = len(wrong), mark, wrong

    if best is None:
        return None
    count, mark, wrong = best
    name = str(Separator(mark))
    between = "" if separator.text is None else f" (it is {separator} now)"
    are = "labels are" if count > 1 else "label is"
    return (
        f"{count} {are} made of others with {name!r} between or beside them: {_named(wrong)}. If that stands "
        f"between labels, write separator = {name} in [dataset]{between}."
    )


def _shared(divided: Iterable[Sequence[str]]) -> bool:
    """Return whether every part of these labels occurs in two of them at least."""
    times: dict[str, int] = {}
    for parts in divided:
        for part in set(parts):
            times[part] = times.get(part, 0) + 1
    return bool(times) and min(times.values()) > 1


def _named(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:_SHOWN])) + (", ..." if len(labels) > _SHOWN else "")

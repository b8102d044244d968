"""The labels of a competition whose labels are named by its data: where the names come from."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dataset.task import LABELS
from utils.errors import DataError, closest, listed
from utils.shortened import listing


@dataclass(frozen=True, slots=True)
class LabelNames:
    """Labels in order; in a config ``cat, dog, "fox, red"``, or ``names.txt``, a file with one a line."""

    names: tuple[str, ...] = ()
    file: str | None = None

    @classmethod
    def from_text(cls, text: str) -> "LabelNames":
        parts = tuple(part.strip() for part in next(csv.reader([text], skipinitialspace=True)))
        if text.endswith(".txt") and len(parts) == 1:
            return cls(file=parts[0])
        if "" in parts:
            raise ValueError(f"{text!r} has an empty name between two commas")
        return cls(parts)

    def __str__(self) -> str:
        return self.file or ", ".join(_quoted(name) for name in self.names)


@dataclass(frozen=True, slots=True)
class Separator:
    """What stands between two labels in one cell: ``space``, ``comma``, a text such as ``|``, or ``none``."""

    text: str | None

    @classmethod
    def from_text(cls, text: str) -> "Separator":
        return cls({"space": " ", "comma": ",", "semicolon": ";", "none": None, "": None}.get(text, text))

    def __str__(self) -> str:
        return {" ": "space", ",": "comma", ";": "semicolon", None: "none"}.get(self.text) or str(self.text)

    def split(self, cell: str) -> tuple[str, ...]:
        """Return the labels in a cell; none in an empty one."""
        parts = [cell] if self.text is None else cell.split(self.text)
        return tuple(part.strip() for part in parts if part.strip())


SPACE = Separator(" ")


def resolve(
    labels: LabelNames | None, root: Path, labels_found: Callable[[], tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the names that a config says, or those in its file (inside ``root``), or those in the data.

    Raises:
        DataError: the file is missing; there are no names; or one that no config can hold.
        ValueError: a name stands there twice.
    """
    if labels is None:
        names = labels_found()
    elif labels.file is not None:
        names = _lines(root / labels.file)
    else:
        names = labels.names
    if not names:
        raise DataError("There is no label: neither in [task] labels nor in the training table.")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"labels: {listing(twice)} stands there twice")
    wrong = [f"{name!r}" for name in names if re.search(r"\s[#;]|[\r\n]", name)]
    if wrong:
        where = "The labels' names (a line break, ' #' and ' ;' can't be in one)"
        raise DataError(listed(where, wrong) + "\nRename them in a copy of the table.")
    return tuple(names)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names without repetitions, sorted: as numbers if all of them are, otherwise as text."""
    unique = sorted(set(names))
    numbers = all(re.fullmatch(r"\d+", name) for name in unique)
    return tuple(sorted(unique, key=int) if numbers else unique)


def labels_fact(names: Iterable[str]) -> dict[str, str]:
    """Return the fact that tells a task an image's labels."""
    return {LABELS: "\n".join(names)}


def places(labels: Iterable[str]) -> dict[str, int]:
    """Return the index of each label: made once, since thousands of rows are looked up in thousands."""
    return {label: index for index, label in enumerate(labels)}


def indices(facts: Mapping[str, str], place: Mapping[str, int]) -> tuple[int, ...]:
    """Return which labels the facts name, in the labels' order.

    Args:
        place: the index of each label, as ``places`` returns it.

    Raises:
        ValueError: a name that is not there; says the nearest one that is.
    """
    if LABELS not in facts:
        raise ValueError("the table has no labels: name its column in [dataset] label_column")
    found = set()
    for name in filter(None, facts[LABELS].split("\n")):
        if name not in place:
            near = closest(name, place)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"label {name!r} is not one of {listing(tuple(place))}.{hint}")
        found.add(place[name])
    return tuple(sorted(found))


def _quoted(name: str) -> str:
    special = any(mark in name for mark in ',"') or name[:1] in "#;" or name.endswith(".txt")
    return '"' + name.replace('"', '""') + '"' if special else name


def _lines(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The list of labels {path} can't be read as UTF-8 text: {error}.") from None
    return tuple(line.strip() for line in text.splitlines() if line.strip())

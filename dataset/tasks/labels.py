"""The labels of a competition whose labels are named by its data: where the names come from."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dataset.tasks.base import LABELS
from dataset.tasks.cells import Separator
from utils.encodings import not_utf8
from utils.errors import DataError, closest, listed
from utils.on_disk import on_disk
from utils.shortened import listing
from utils.texts import comparable

_LIST = Separator(",")


@dataclass(frozen=True, slots=True)
class LabelNames:
    """Labels in order; in a config ``cat, dog, "fox, red"``, or ``names.txt``, a file with one a line."""

    names: tuple[str, ...] = ()
    file: str | None = None

    @classmethod
    def from_text(cls, text: str) -> "LabelNames":
        if text[:1] in ("[", "{", "(") and _LIST.is_list(text):
            return cls(_LIST.split(text))
        parts = tuple(part.strip() for part in next(csv.reader([text], skipinitialspace=True)))
        if text.endswith(".txt") and len(parts) == 1:
            return cls(file=parts[0])
        if "" in parts:
            raise ValueError(f"{text!r} has an empty name between two commas")
        return cls(parts)

    def __str__(self) -> str:
        return self.file or ", ".join(_quoted(name) for name in self.names)


@dataclass(frozen=True, slots=True)
class SpeltLabels:
    """Labels in order as they are compared, and how the organiser spells those that he spells otherwise."""

    names: tuple[str, ...]
    spelling: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, written: Iterable[str]) -> "SpeltLabels":
        """Return names as they were written; of two spellings of one name neither is the organiser's."""
        spelt: dict[str, set[str]] = {}
        for name in written:
            spelt.setdefault(comparable(name), set()).add(name.strip())
        single = {name: next(iter(spellings)) for name, spellings in spelt.items() if len(spellings) == 1}
        return cls(tuple(spelt), {name: spellings for name, spellings in single.items() if spellings != name})

    @property
    def written(self) -> tuple[str, ...]:
        """The names as the organiser spells them."""
        return self.in_spelling({})

    def in_spelling(self, template: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names as they stand in his template, otherwise as he spells them in his table."""
        return tuple(template.get(name, self.spelling.get(name, name)) for name in self.names)


def resolve(
    labels: LabelNames | None, root: Path, labels_found: Callable[[], tuple[str, ...]]
) -> SpeltLabels:
    """Return the names that a config says, or those in its file (inside ``root``), or those in the data.

    Raises:
        DataError: the file is missing; there are no names; or one that no config can hold.
        ValueError: a name stands there twice.
    """
    if labels is None:
        written = labels_found()
    elif labels.file is not None:
        written = _lines(on_disk(root / labels.file))
    else:
        written = labels.names
    spelt = SpeltLabels.of(written)

    names = [comparable(name) for name in written] if labels is not None else list(spelt.names)
    if not names:
        raise DataError("There is no label: neither in [task] labels nor in the training table.")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"labels: {listing(twice)} stands there twice")
    wrong = [f"{name!r}" for name in names if re.search(r"\s[#;]|[\r\n]", name)]
    if wrong:
        where = "The labels' names (a line break, ' #' and ' ;' can't be in one)"
        raise DataError(listed(where, wrong) + "\nRename them in a copy of the table.")
    return spelt


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names without repetitions, sorted: as numbers if all of them are, otherwise as text."""
    unique = sorted(set(names), key=comparable)
    numbers = all(re.fullmatch(r"\d{1,4000}", name) for name in unique)  # Python reads no longer ones
    return tuple(sorted(unique, key=int) if numbers else unique)


def labels_fact(names: Iterable[str]) -> dict[str, str]:
    """Return the fact that tells a task an image's labels.

    Raises:
        ValueError: there is a line break in one.
    """
    given = tuple(names)
    if any("\n" in name for name in given):
        raise ValueError("there is a line break in a label")
    return {LABELS: "\n".join(given)}


def index_by_label(labels: Iterable[str]) -> dict[str, int]:
    """Return the index of each label: made once, since thousands of rows are looked up in thousands."""
    return {label: index for index, label in enumerate(labels)}


def indices(facts: Mapping[str, str], index_of: Mapping[str, int]) -> tuple[int, ...]:
    """Return which labels the facts name, in the labels' order.

    Args:
        index_of: the index of each label, as ``index_by_label`` returns it.

    Raises:
        ValueError: a name that is not there; says the nearest one that is.
    """
    if LABELS not in facts:
        raise ValueError("the table has no labels: name its column in [dataset] label_column")
    chosen = set()
    for name in filter(None, facts[LABELS].split("\n")):
        if name not in index_of:
            near = closest(name, index_of)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"label {name!r} is not one of {listing(tuple(index_of))}.{hint}")
        chosen.add(index_of[name])
    return tuple(sorted(chosen))


def _quoted(name: str) -> str:
    special = any(mark in name for mark in ',"') or name[:1] in "#;[{(" or name.endswith(".txt")
    return '"' + name.replace('"', '""') + '"' if special else name


def _lines(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"The list of labels {path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(f"The list of labels {not_utf8(path)}") from None
    if "\0" in text:
        raise DataError(f"The list of labels {not_utf8(path)}")
    return tuple(line.strip() for line in text.splitlines() if comparable(line))

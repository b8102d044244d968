"""What names in a table may lack to be those of files: done where a config says so, tried where none is."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from dataset.files.image_folder import NoImage, stem_of
from utils.errors import closest

Change = Callable[[str], str]
_QUOTES = " \t\r\n'\"`\u2018\u2019\u201c\u201d\u00ab\u00bb"

_AROUND = re.compile(r"""\s*(?:=|b|\w*Path\()(['"].*['"])\)?\s*""", re.DOTALL)


def _unquoted(name: str) -> str:
    """Return a name without what programs write around texts: ``b'0.png'``, ``="0.png"``."""
    around = _AROUND.fullmatch(name)
    return "/".join(part.strip(_QUOTES) for part in (around[1] if around else name).split("/"))


def _numbers(name: str) -> str:
    """Return a name whose numbers have no zeros before them, and none of a float's behind them."""
    whole = re.sub(r"^(\d+)\.0$", r"\1", name)
    return re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", whole)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _separators(name: str) -> str:
    return re.sub(r"[-_ .]+", "_", name)


def _same(name: str) -> str:
    return name


# By what a config calls them, in the order in which they are made: of a table's cell, and of a file's name.
_CHANGES: dict[str, tuple[Change, Change]] = {
    "unquote": (_unquoted, _same),
    "decode": (unquote, _same),
    "slashes": (lambda name: name.replace("\\", "/"), _same),
    "drop": (_same, _same),  # of so many folders
    "name_only": (_last, _same),
    "ending": (stem_of, stem_of),
    "numbers": (_numbers, _numbers),
    "separators": (_separators, _separators),
    "case": (str.casefold, str.casefold),
    "deeper": (_same, _last),
}
KINDS = tuple(_CHANGES)


@dataclass(frozen=True, slots=True)
class NameRepair:
    """How an image's name in a table becomes that of a file.

    ``unquote``: without what stands around it as in ``" a"``, ``b'a'``; ``decode``: ``%20`` is a blank;
    ``slashes``: ``\\`` is ``/``; ``drop 2``: without the first two folders; ``name_only``: without any;
    ``ending``: with whatever ending of an image the file has; ``numbers``: with as many zeros before a
    number as the file;
    ``separators``: ``-``, ``_``, ``.`` and blanks are the same; ``case``: so are A and a; ``deeper``: the
    file may be in any folder below that of the images.
    """

    kind: str
    count: int = 0  # of folders that are dropped

    @classmethod
    def from_text(cls, text: str) -> "NameRepair":
        kind, _, count = text.strip().partition(" ")
        if kind == "drop" and count.strip().isdecimal() and int(count):
            return cls(kind, int(count))
        if kind not in KINDS or kind == "drop" or count:
            near = closest(kind, KINDS)
            hint = "" if near is None else f" Did you mean {near!r}?"
            valid = ", ".join("drop 1" if name == "drop" else name for name in KINDS)
            raise ValueError(f"{text!r} is not one of {valid}.{hint}")
        return cls(kind)

    def __str__(self) -> str:
        return f"{self.kind} {self.count}" if self.count else self.kind

    def of_cell(self, name: str) -> str:
        """Return a cell after this change."""
        if self.kind == "drop":
            return "/".join(name.strip("/").split("/")[self.count :])
        return _CHANGES[self.kind][0](name)

    def of_file(self, name: str) -> str:
        """Return a file's name as a changed cell has to be."""
        return _CHANGES[self.kind][1](name)


class FileKeys:
    """Files by what is left of their names after the changes that some repairs make to them.

    Args:
        files: relative to the folder of the images.
        repairs: in the order of ``KINDS``.
    """

    def __init__(self, files: Iterable[str], repairs: Sequence[NameRepair]) -> None:
        self.files: dict[str, str] = {}
        self.others: dict[str, str] = {}  # a second file of the same key
        for file in files:
            key = self.key_of(file, repairs)
            if self.files.setdefault(key, file) != file:
                self.others[key] = file

    @staticmethod
    def key_of(file: str, repairs: Sequence[NameRepair]) -> str:
        """Return what is left of a file's name."""
        key = unicodedata.normalize("NFC", file)
        for repair in repairs:
            key = repair.of_file(key)
        return key


class RepairedNames:
    """The names of files, found by cells that need some repairs.

    Args:
        files: relative to the folder of the images.
        repairs: in any order.
    """

    def __init__(self, files: Iterable[str], repairs: Sequence[NameRepair]) -> None:
        self.repairs = in_order(repairs)
        self.keys = FileKeys(files, self.repairs)

    def find(self, cell: str) -> str:
        """Return the file that a cell means.

        Raises:
            NoImage: there is none.
            ValueError: there are two.
        """
        key = self.key_of(cell)
        if key not in self.keys.files:
            raise NoImage(f"there is no image for {cell!r}, with {', '.join(map(str, self.repairs))}")
        if key in self.keys.others:
            raise ValueError(f"{cell!r} may be {self.keys.files[key]} or {self.keys.others[key]}")
        return self.keys.files[key]

    def get(self, cell: str) -> str:
        """Return the same, or nothing."""
        key = self.key_of(cell)
        return "" if key in self.keys.others else self.keys.files.get(key, "")

    def key_of(self, cell: str) -> str:
        """Return what a cell and the file that it means have in common."""
        name = unicodedata.normalize("NFC", cell)
        for repair in self.repairs:
            name = repair.of_cell(name)
        return name.removeprefix("./").lstrip("/")


def in_order(repairs: Iterable[NameRepair]) -> tuple[NameRepair, ...]:
    """Return repairs in the order in which they are made."""
    return tuple(sorted(set(repairs), key=lambda repair: (KINDS.index(repair.kind), repair.count)))

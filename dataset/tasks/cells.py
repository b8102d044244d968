"""Cells with several labels: what stands between these, and lists as programs write them."""

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from utils.errors import closest
from utils.texts import comparable

_WORDS = {"space": " ", "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "slash": "/", "none": None}
_NAMES = {" ": "space", ",": "comma", ";": "semicolon", "\t": "tab", None: "none"}
_ENDS = {"[": "]", "{": "}", "(": ")"}
# What a program shows of its lists: array(['a'], dtype=object), tensor([1, 2]), Index(['a']), set().
_WRAPPED = re.compile(
    r"(?:[A-Za-z_][\w.]*\(\s*([\[{(].*?[\]})])\s*(?:,\s*\w+\s*=.*)?|(?:list|tuple|set|frozenset)\(\s*)\)",
    re.DOTALL,
)
_NOTHING = frozenset(("null", "none", "nan"))  # where a column has lists: a row without one
_STRINGS = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_QUOTED = re.compile(rf"\s*{_STRINGS}(?:[\s,]+{_STRINGS})*[\s,]*", re.DOTALL)
_SEVERAL = re.compile(rf"{_STRINGS}(?:\s*,\s*{_STRINGS})+", re.DOTALL)  # a list without its brackets
_CUT = re.compile(r"\s*(?:[\[{(]\s*['\"].*|.*['\"]\s*[\]})])\s*", re.DOTALL)
_NUMBERS = re.compile(r"\s*[+-]?[\d.]+(?:[\s,]+[+-]?[\d.]+)*[\s,]*")
_NESTED = re.compile(r"[\[\]{}()]")


@dataclass(frozen=True, slots=True)
class Separator:
    """What stands between two labels in one cell: ``space``, ``comma``, a text such as ``|``, or ``none``.

    A list as a program writes it, such as ``['cat', 'dog']``, ``["cat"]`` or ``{cat,dog}``, is a list of
    labels whatever the separator; only with ``none`` a cell is one label, whatever is in it.

    Args:
        lists: every cell of the column is in brackets or quotes, so ``[cat]`` is a list too, and no label.
    """

    text: str | None
    lists: bool = False

    @classmethod
    def from_text(cls, text: str) -> "Separator":
        if not text:
            raise ValueError(f"it is empty: {_VALID}")
        if text.lower() in _WORDS:
            return cls(_WORDS[text.lower()])

        bare = text.strip("'\"")
        if bare != text or "\\" in text:
            meant = {"": "space", "\\t": "tab"}.get(bare.strip(), _NAMES.get(bare, bare))
            raise ValueError(f"{text} is written without quotes and backslashes: separator = {meant}")

        if re.search(r"\w", text.replace("_", "")):
            near = closest(text, [word for word in _WORDS if word != "none"])
            hint = f" Did you mean {near!r}?" if near else ""
            raise ValueError(
                f"{text!r} is no separator, as labels have letters and digits.{hint} Instead, {_VALID}"
            )
        return cls(text)

    def __str__(self) -> str:
        return _NAMES.get(self.text) or str(self.text)

    def of_column(self, cells: Iterable[str]) -> "Separator":
        """Return this separator as it reads a column, of which these are the cells."""
        filled = [cell for cell in map(comparable, cells) if cell and cell.lower() not in _NOTHING]
        return replace(self, lists=bool(filled) and all(map(_is_marked, filled)))

    def is_list(self, cell: str) -> bool:
        """Return whether a cell is a list, of labels that are read as such."""
        cell = cell.strip()
        if self.text is None or not cell:
            return False
        inner = _inside(cell)
        if inner is None:
            if self.lists and cell.lower() in _NOTHING:
                return True
            return bool((_QUOTED if self.lists else _SEVERAL).fullmatch(cell))
        if cell[0] == "(":  # as a part of a name is written, too
            return bool(_QUOTED.fullmatch(inner)) or (self.lists and "," in inner)
        return not inner or self.lists or bool(_NUMBERS.fullmatch(inner) or re.search("[,'\"]", inner))

    def split(self, cell: str) -> tuple[str, ...]:
        """Return the labels in a cell; none in an empty one.

        Raises:
            ValueError: it is a list of something else than texts and numbers, or a part of one.
        """
        if self.is_list(cell):
            return _listed(cell.strip())
        if self.text is not None and _CUT.fullmatch(cell):
            raise ValueError(f"{cell!r} is a part of a list: a bracket is missing. {_MEND}")
        return self.parts(cell)

    def parts(self, cell: str) -> tuple[str, ...]:
        """Return what stands between the separators in a cell, which is no list."""
        if self.text == " ":
            return tuple(cell.split())  # by whatever is blank: tabs, Korean blanks, those that never break
        parts = [cell] if self.text is None else self._divided(cell)
        return tuple(part.strip() for part in parts if part.strip())

    def _divided(self, cell: str) -> list[str]:
        """Return the parts of a cell; one in quotation marks may hold the separator: ``"fox, red",dog``."""
        text = self.text or ""
        if '"' not in cell or len(text) != 1:
            return cell.split(text)
        quoted = re.findall(
            rf'\s*("(?:[^"]|"")*")\s*(?:{re.escape(text)}|$)|([^{re.escape(text)}]*)(?:{re.escape(text)}|$)',
            cell,
        )
        return [whole[1:-1].replace('""', '"') if whole else bare for whole, bare in quoted]


SPACE = Separator(" ")
_MEND = (
    "Write its labels as ['a', 'b'], or with a separator between them; with separator = none in [dataset] it "
    "is one label, whatever is in it"
)
_VALID = "write space, comma, semicolon, tab, marks such as |, or none where a cell is one label"


def _is_marked(cell: str) -> bool:
    return _inside(cell) is not None or _QUOTED.fullmatch(cell) is not None


def _inside(cell: str) -> str | None:
    """Return what stands between a list's brackets; None: the cell is in no brackets."""
    wrapped = _WRAPPED.fullmatch(cell)
    if wrapped:
        if not wrapped[1]:
            return ""
        cell = wrapped[1]
    if len(cell) < 2 or _ENDS.get(cell[0]) != cell[-1]:
        return None
    return cell[1:-1].strip()


def _listed(cell: str) -> tuple[str, ...]:
    inner = _inside(cell)
    try:
        names = _literal(cell if inner is None else inner)
        if any(re.search(r"[\r\n]", name.strip()) for name in names):
            raise ValueError("has a line break in a label")
    except ValueError as error:
        raise ValueError(f"{cell!r} {error}. {_MEND}") from None
    return tuple(name.strip() for name in names if name.strip())


def _literal(inner: str) -> list[str]:
    """Return the texts in a list, as Python, JSON, numpy or a database writes it.

    Raises:
        ValueError: it is something else; says what.
    """
    if not inner:
        return []
    if _QUOTED.fullmatch(inner):  # numpy writes no comma between them, and Python would join them then
        return [_text(part) for part in re.findall(_STRINGS, inner, re.DOTALL)]
    if _NUMBERS.fullmatch(inner):
        return re.split(r"[\s,]+", inner.strip(" ,\t\r\n"))

    outside = re.sub(_STRINGS, "", inner, flags=re.DOTALL)
    if ":" in outside and re.search(r"['\"]", inner):
        raise ValueError("is a mapping and no list of labels")
    if _NESTED.search(outside):
        raise ValueError("has brackets inside its brackets")

    parts = re.findall(rf"\s*({_STRINGS}|[^,]*)\s*(?:,|$)", inner, re.DOTALL)
    named = [_text(part.strip()) for part in parts if part.strip()]
    empty = [name for name in named if name.lower() in _NOTHING]
    if empty and len(named) > len(empty):
        raise ValueError(f"has {empty[0]} among its labels")
    return [] if empty else named


def _text(part: str) -> str:
    if part[:1] not in ("'", '"'):
        return part
    try:
        return str(json.loads(part) if part[0] == '"' else ast.literal_eval(part))
    except (ValueError, SyntaxError):
        return part[1:-1]

"""What a class's docstring and comments on its fields say, for the terminal: without the source's marks."""

import inspect
import io
import re
import tokenize
from ast import AnnAssign, ClassDef, Name, parse
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from textwrap import dedent

_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:[ ]+.*\n|\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}([\w, ]+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_NO_COMMENT = re.compile(r"noqa|type:|fmt:")  # what tools read


def told(cls: type) -> str:
    """Return the docstring of a class as it is printed for the user."""
    return inspect.cleandoc(cls.__doc__ or "").replace("``", "")


def told_in_a_line(cls: type) -> str:
    """Return the first line of it."""
    return told(cls).partition("\n")[0]


def meanings(cls: type) -> dict[str, str]:
    """Return what each argument or field of a class means, by name, from the class and its bases.

    That stands in the section ``Args:`` (or ``Attributes:``) of the docstring of the class or of its
    ``__init__``, or, for a dataclass, in a comment on the field's line or right above it.
    """
    texts: dict[str, str] = {}
    for base in cls.__mro__:
        attributes = vars(base)
        docstrings = [attributes.get("__doc__"), getattr(attributes.get("__init__"), "__doc__", None)]
        if is_dataclass(base):
            texts = _comments(base) | texts
        for docstring in docstrings:
            texts = _sections(docstring) | texts
    return texts


def _sections(docstring: str | None) -> dict[str, str]:
    """Return the entries of the sections of a docstring that tell of arguments or fields."""
    texts: dict[str, str] = {}
    for section in _SECTION.findall(inspect.cleandoc(docstring or "") + "\n"):
        for names, text in _ENTRY.findall(section):
            texts |= dict.fromkeys(map(str.strip, names.split(",")), _in_a_line(text))
    return texts


def _comments(cls: type) -> dict[str, str]:
    """Return the comments on the lines of a class's fields, or, where there is none, right above them."""
    try:
        source = dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # made while running, so that there is no source
        return {}
    by_line: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string.lstrip("# ")
        if token.type == tokenize.COMMENT and not _NO_COMMENT.match(text):
            by_line[token.start[0]] = text

    texts = {}
    tree = parse(source).body[0]
    for node in tree.body if isinstance(tree, ClassDef) else []:
        if isinstance(node, AnnAssign) and isinstance(node.target, Name):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            beside = [by_line[line] for line in lines if line in by_line]
            texts[node.target.id] = " ".join(beside or _above(node.lineno, by_line, source.splitlines()))
    return {name: _in_a_line(text) for name, text in texts.items() if text}


def _above(number: int, by_line: Mapping[int, str], lines: Sequence[str]) -> list[str]:
    """Return the comments on the lines right above a line that hold nothing else."""
    first = number
    while first - 1 in by_line and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return [by_line[line] for line in range(first, number)]


def _in_a_line(text: str) -> str:
    return " ".join(text.replace("``", "").split())

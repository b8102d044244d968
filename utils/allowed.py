"""What values an option may have, in words: of the same annotations that ``utils/convert.py`` understands."""

import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from utils.convert import FileName, Interval
from utils.docstrings import told_in_a_line

_KINDS = {
    bool: ("yes or no", "yes or no"),
    int: ("whole number", "whole numbers"),
    float: ("number", "numbers"),
    str: ("text", "texts"),
    Path: ("path", "paths"),
}


def allowed(annotation: Any) -> str:
    """Return which values an option with this annotation may have, such as ``a number at least 0 or none``.

    A class that is made from text says it by a classmethod ``allowed``, or by its docstring's first line.
    """
    return _words(annotation)


def _words(annotation: Any, several: bool = False) -> str:
    """Return what a value may be, or what each of ``several`` may be."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _limited(args[0], args[1:], several)
    if origin in (Union, types.UnionType):
        parts = [_words(kind) for kind in args if kind is not types.NoneType]
        return _alternatives([*parts, *(["none"] if types.NoneType in args else [])])

    if origin is Literal:
        return _alternatives([str(value) for value in args])
    if origin is tuple:
        return _tuple(args)

    if hasattr(annotation, "allowed"):
        return str(annotation.allowed())
    if hasattr(annotation, "from_text"):
        return told_in_a_line(annotation).rstrip(".")
    word, words = _KINDS[annotation]
    article = "" if annotation is bool or annotation is str else "a "
    return words if several else f"{article}{word}"


def _limited(kind: Any, limits: tuple[Any, ...], several: bool) -> str:
    texts = [_words(kind, several)]
    for limit in limits:
        if isinstance(limit, FileName):
            texts = ["folder names" if several else "a folder's name"]
        elif isinstance(limit, Interval):
            texts.append(str(limit))
    return " ".join(texts)


def _tuple(args: tuple[Any, ...]) -> str:
    """Return what the parts may be; several kinds are named one after the other."""
    if len(args) == 2 and args[1] is ...:
        return f"{_words(args[0], several=True)} with commas between"
    if len(set(args)) == 1:
        return f"{len(args)} {_words(args[0], several=True)}"
    return " and ".join(_words(part) for part in args)


def _alternatives(texts: list[str]) -> str:
    *first, last = dict.fromkeys(texts)
    return f"{', '.join(first)} or {last}" if first else last

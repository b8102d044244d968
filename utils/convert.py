"""Text from a config file to a typed value, by the annotation of the option that it is for."""

import math
import re
import types
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from utils.printable import unseen
from utils.texts import comparable

LARGEST = 2**63 - 1  # that 64 bits hold, as torch's and numpy's sizes
_MOST_DIGITS = 40  # of a number that are repeated in a message
_BOOLEANS = ConfigParser.BOOLEAN_STATES
_NONE = ("none", "")
_QUOTES = "\"'"
_LONGEST_NAME = 240  # bytes; file systems take 255, and versions and temporary names need some


@dataclass(frozen=True, slots=True)
class Interval:
    """The values an option may have, ``low`` and ``high`` included; ``above`` excludes ``low``.

    Without a ``high``, ``most`` is where nobody means it any more: sums overflow, or the run never ends.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    most: float = 1_000_000

    def check(self, value: float) -> None:
        """Raise ValueError when ``value`` lies outside."""
        low_ok = value > self.low if self.above else value >= self.low
        if not low_ok or value > self.high:
            raise ValueError(f"{value:g} is not {self}")
        if self.high == math.inf and value > self.most:
            raise ValueError(f"{value:g} is not at most {self.most:g}")

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'above' if self.above else 'at least'} {self.low:g}"
        return f"{'above' if self.above else 'from'} {self.low:g} up to {self.high:g}"


@dataclass(frozen=True, slots=True)
class FileName:
    """A text that becomes the name of a folder."""

    def check(self, text: str) -> None:
        """Raise ValueError unless every file system takes it and every terminal shows it."""
        if "/" in text or text in (".", ".."):
            raise ValueError(f"{text!r} must be a folder's name, without / in it")
        if text.startswith("."):
            raise ValueError(
                f"{text!r} must be a folder's name, which begins with no dot: it would be hidden"
            )
        if text != text.strip():
            raise ValueError(f"{text!r} must be a folder's name, without blanks around it")
        if (character := unseen(text)) is not None:
            raise ValueError(f"{text!r} must be a folder's name, without {character} in it")
        if (size := len(text.encode("utf-8", "surrogatepass"))) > _LONGEST_NAME:
            raise ValueError(
                f"{text[:20]!r}... must be a folder's name, of at most {_LONGEST_NAME} bytes: it has {size}"
            )


Name = Annotated[str, FileName()]
Fraction = Annotated[float, Interval(0, 1)]
DropRate = Annotated[float, Interval(0, 0.99)]
Positive = Annotated[float, Interval(0, above=True)]
NonNegative = Annotated[float, Interval(0)]
Count = Annotated[int, Interval(1)]
CountOrZero = Annotated[int, Interval(0)]
Seed = Annotated[int, Interval(0, most=2**63 - 1)]
Rate = Annotated[float, Interval(0, above=True, most=1e30)]  # one too high is told of: the run diverges
Few = Annotated[int, Interval(1, 1000)]
Side = Annotated[int, Interval(1, 4096)]  # of an image that a model or a person sees, pixels
Width = Annotated[int, Interval(1, 65_536)]  # of a layer
Angle = Annotated[float, Interval(0, 180)]  # degrees
Exponent = Annotated[float, Interval(0, 100)]
Factor = Annotated[float, Interval(0.001, 1000)]  # of what is divided by it or raised to it as well
Bound = Annotated[float, Interval(-1e15, 1e15)]  # of an answer that is a number
Epochs = Annotated[float, Interval(0.01)]  # a length of time that something is divided by


def convert(text: str, annotation: Any) -> Any:
    """Return ``text`` as the type that ``annotation`` names.

    Understood: str, int, float, bool (true/false/yes/no/on/off/1/0), Path, Literal, tuples with a
    comma between the parts, ``X | None`` (``none`` or nothing), unions (the first that fits),
    ``Annotated[..., Interval]``, and any class with a ``from_text`` classmethod.

    Raises:
        ValueError: the text does not fit; the message says what would.
    """
    text = text.strip()
    try:
        return _converted(text, annotation)
    except ValueError as error:
        if _is_quoted(text):
            raise ValueError(f"{error}; write it without the quotes: {text[1:-1].strip()}") from None
        raise


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES


def _converted(text: str, annotation: Any) -> Any:
    text = text.strip()
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        value = _converted(text, args[0])
        for interval in args[1:]:
            for number in value if isinstance(value, tuple) else (value,):
                interval.check(number)
        return value

    if origin in (Union, types.UnionType):
        return _first_that_fits(text, args)
    if origin is Literal:
        return _one_of(text, args)
    if origin is tuple:
        return _tuple(text, args)

    if hasattr(annotation, "from_text"):
        return annotation.from_text(text)
    return _scalar(text, annotation)


def _scalar(text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(f"{text!r} is not yes or no (true/false/on/off/1/0 work too)")
        return _BOOLEANS[text.lower()]
    if kind is int:
        return _whole(text)

    if kind is float:
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number") from None
        if not math.isfinite(number):
            raise ValueError(f"{text!r} is not a finite number")
        return number

    if kind is str or kind is Path:
        if not text:
            raise ValueError("is empty")
        if kind is Path and _is_quoted(text):
            raise ValueError(f"{text} has quotes around it, which would be part of the name")
        if "\0" in text or (kind is Path and unseen(text)):
            raise ValueError(f"{text!r} holds {unseen(text)}, which can't be part of it")
        return Path(text).expanduser() if kind is Path else comparable(text)
    raise TypeError(f"an option can't be of type {kind!r}: see utils/convert.py")


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        if not re.fullmatch(r"[+-]?\d+", text):
            raise ValueError(f"{text!r} is not a whole number") from None
        number = LARGEST + 1  # of thousands of digits, which Python does not read
    if abs(number) > LARGEST:
        shown = text if len(text) <= _MOST_DIGITS else f"{text[:10]}... ({len(text)} digits)"
        raise ValueError(f"{shown} is too large: whole numbers go up to {LARGEST}")
    return number


def _first_that_fits(text: str, kinds: tuple[Any, ...]) -> Any:
    if types.NoneType in kinds and text.lower() in _NONE:
        return None

    problems = []
    for kind in kinds:
        if kind is types.NoneType:
            continue
        try:
            return _converted(text, kind)
        except ValueError as error:
            problems.append(str(error))

    hint = ", nor none" if types.NoneType in kinds else ""
    raise ValueError(_all_of(problems, f"{text!r} is not ") + hint)


def _all_of(problems: list[str], prefix: str) -> str:
    """Return all problems as one sentence, in which what several begin with stands once."""
    message = problems[0]
    for problem in problems[1:]:
        alike = problem.startswith(prefix)
        message += f", nor {problem.removeprefix(prefix)}" if alike else f", and {problem}"
    return message


def _one_of(text: str, valid: tuple[Any, ...]) -> Any:
    for option in valid:
        if text.casefold() == str(option).casefold():
            return option
    options = ", ".join(repr(option) for option in valid)
    raise ValueError(f"{text!r} is not {'one of ' if len(valid) > 1 else ''}{options}")


def _tuple(text: str, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    parts = [part.strip() for part in text.split(",")] if text else []
    if len(kinds) == 2 and kinds[1] is ...:
        return tuple(_converted(part, kinds[0]) for part in parts)
    if len(parts) != len(kinds):
        raise ValueError(f"{text!r} is not {len(kinds)} values with a comma between them")
    return tuple(_converted(part, kind) for part, kind in zip(parts, kinds, strict=True))


def as_text(value: object) -> str:
    """Return a value as ``convert`` reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(as_text, value))
    return str(value)

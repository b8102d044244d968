"""What a JSON file of our own holds: the kind of each value, looked at once, where the file is read."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_MOST = 60  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value, such as ``a number``."""

    words: str
    fits: Callable[[Any], bool]


Form = Mapping[str, Kind]  # of some keys; others may hold anything


def misfit(values: Mapping[str, Any], form: Form) -> str:
    """Return which value is of another kind than its key asks for; "": none. A key may be missing."""
    for key, kind in form.items():
        if key in values and not kind.fits(values[key]):
            text = json.dumps(values[key], ensure_ascii=False)
            shown = text if len(text) <= _MOST else f"{text[:_MOST]} ..."
            return f"{key} = {shown} is not {kind.words}"
    return ""


def any_of(*kinds: Kind) -> Kind:
    """Return what is of one of these kinds."""
    words = " or ".join(kind.words for kind in kinds)
    return Kind(words, lambda value: any(kind.fits(value) for kind in kinds))


def list_of(kind: Kind, size: int | None = None) -> Kind:
    """Return a list of one kind; ``size``: of so many."""

    def fits(value: Any) -> bool:
        return isinstance(value, list) and size in (None, len(value)) and all(map(kind.fits, value))

    return Kind(f"a list of {'' if size is None else f'{size} times '}{kind.words}", fits)


def by_name(kind: Kind) -> Kind:
    """Return an object with any keys whose values are of one kind."""
    return Kind(
        f"an object whose values are each {kind.words}",
        lambda value: isinstance(value, dict) and all(map(kind.fits, value.values())),
    )


def record(form: Form) -> Kind:
    """Return an object that has at least the keys of a form."""

    def fits(value: Any) -> bool:
        return isinstance(value, dict) and value.keys() >= form.keys() and not misfit(value, form)

    return Kind(f"an object with {', '.join(f'{key} ({kind.words})' for key, kind in form.items())}", fits)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


TEXT = Kind("a text", lambda value: isinstance(value, str))
NUMBER = Kind("a number", _is_number)
COUNT = Kind("a whole number from 0 on", lambda value: type(value) is int and value >= 0)
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
NOTHING = Kind("null", lambda value: value is None)

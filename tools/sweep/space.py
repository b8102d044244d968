"""The text of a search space: ranges, choices and conditions, checked before the first trial."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from experiment.read_settings import put_over, settings_from
from experiment.section import tool_sections
from experiment.settings import is_here
from utils.errors import ConfigError, listed
from utils.ini import Sections, Value

SECTION = "sweep.space"
_WHERE = re.compile(r"(.*?)\s+where\s+(\S+?)\s*=\s*(.+)", re.DOTALL)
_RANGE = re.compile(r"(\S+)\s*\.\.\s*(\S+)((?:\s+\S+)*)\s*")
_WHOLE = re.compile(r"[+-]?\d+")
_FIXED = ("run", "sweep")  # sections that say which run it is


class Asker(Protocol):
    """What an Optuna trial can be asked."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int: ...
    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Dimension:
    """One key of the space.

    Attributes:
        choices: texts to choose from; none of a range.
        low: the lower end of a range, as it was written.
        where: the key and the value under which it is there at all.
    """

    key: str
    origin: str
    choices: tuple[str, ...] = ()
    low: str = "0"
    high: str = "0"
    log: bool = False
    whole: bool = False
    where: tuple[str, str] | None = None

    @property
    def samples(self) -> tuple[str, ...]:
        """Values that stand for all: of a range both ends."""
        return self.choices or (self.low, self.high)

    def holds(self, values: Mapping[str, str]) -> bool:
        """Tell whether its condition is met by the values of the keys before it."""
        if self.where is None:
            return True
        key, wanted = self.where
        return values.get(key, "").casefold() == wanted.casefold()

    def ask(self, trial: Asker) -> str:
        """Return the value of a trial as text."""
        if self.choices:
            return str(trial.suggest_categorical(self.key, self.choices))
        if self.whole:
            return str(trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log))
        return repr(trial.suggest_float(self.key, float(self.low), float(self.high), log=self.log))

    def __str__(self) -> str:
        """Return the text that it was read from, in one spelling."""
        text = " | ".join(self.choices) or f"{self.low} .. {self.high}" + (" log" if self.log else "")
        return text + (f" where {self.where[0]} = {self.where[1]}" if self.where else "")


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """All keys, those on which others depend first."""

    dimensions: tuple[Dimension, ...]

    @classmethod
    def of(cls, sections: Sections) -> "SearchSpace":
        """Return the space of a config, each of whose values the config would take.

        Raises:
            ConfigError: lists every key and value that is wrong, with its line.
        """
        section = sections.get(SECTION)
        if section is None or not section.values:
            raise ConfigError(
                f"--mode sweep needs a section [{SECTION}] that says what is tried, such as "
                "optimizer.lr = 1e-4 .. 1e-1 log"
            )

        dimensions, problems = [], []
        for key, value in section.values.items():
            try:
                dimensions.append(_parse(key, value))
            except ValueError as error:
                problems.append(f"[{SECTION}] {key}: {error} ({value.origin})")

        by_key = {dimension.key: dimension for dimension in dimensions}
        problems += [problem for dimension in dimensions for problem in _condition(dimension, by_key)]
        if not problems:
            dimensions = [_accepted(dimension, sections, by_key, problems) for dimension in dimensions]
        if problems:
            raise ConfigError(listed("The space of the sweep", problems))
        return cls(tuple(sorted(dimensions, key=lambda dimension: _depth(dimension, by_key))))

    def ask(self, trial: Asker) -> dict[str, str]:
        """Return the values of a trial, by key; a key whose condition does not hold is left out."""
        values: dict[str, str] = {}
        for dimension in self.dimensions:
            if dimension.holds(values):
                values[dimension.key] = dimension.ask(trial)
        return values

    def texts(self) -> dict[str, str]:
        """Return what the space says, by key."""
        return {dimension.key: str(dimension) for dimension in self.dimensions}


def _parse(key: str, value: Value) -> Dimension:
    text, where = " ".join(value.text.split()), None
    section = key.rpartition(".")[0]
    if not section:
        raise ValueError("is not of the form section.key")
    if is_here(section) or section in tool_sections() or section in _FIXED:
        raise ValueError("says where things are or which run it is, not what is trained")
    if condition := _WHERE.fullmatch(text):
        text, where = condition[1], (condition[2].lower(), condition[3])
    if ".." in text:
        return _range(key, text, value.origin, where)
    choices = tuple(part.strip() for part in re.split(r"\|" if "|" in text else ",", text))
    if "" in choices or len(set(choices)) < len(choices):
        raise ValueError(f"{text!r} has a choice that is empty or there twice")
    return Dimension(key, value.origin, choices, where=where)


def _range(key: str, text: str, origin: str, where: tuple[str, str] | None) -> Dimension:
    parts = _RANGE.fullmatch(text)
    if parts is None or parts[3].strip() not in ("", "log"):
        raise ValueError(f"{text!r} is not LOW .. HIGH, with or without log after it")
    low, high, log = parts[1], parts[2], parts[3].strip() == "log"
    try:
        numbers = float(low), float(high)
    except ValueError:
        raise ValueError(f"{text!r}: both ends are to be numbers") from None
    if not numbers[0] < numbers[1] < float("inf"):
        raise ValueError(f"{low} is not below {high}")
    if log and numbers[0] <= 0:
        raise ValueError(f"log needs a lower end above 0, and {low} is not")
    whole = bool(_WHOLE.fullmatch(low) and _WHOLE.fullmatch(high))
    return Dimension(key, origin, low=low, high=high, log=log, whole=whole, where=where)


def _condition(dimension: Dimension, by_key: Mapping[str, Dimension]) -> list[str]:
    if dimension.where is None:
        return []
    on, value = dimension.where
    there = by_key.get(on)
    if there is None or not there.choices:
        why = f"where {on}: that is no choice of this space"
    elif value.casefold() not in (choice.casefold() for choice in there.choices):
        why = f"where {on} = {value}: its choices are {', '.join(there.choices)}"
    elif there.where is not None and there.where[0] == dimension.key:
        why = f"it and {on} depend on each other"
    else:
        return []
    return [f"[{SECTION}] {dimension.key}: {why} ({dimension.origin})"]


def _depth(dimension: Dimension, by_key: Mapping[str, Dimension]) -> int:
    depth = 0
    while dimension.where is not None and depth <= len(by_key):
        dimension, depth = by_key[dimension.where[0]], depth + 1
    return depth


def _accepted(
    dimension: Dimension, sections: Sections, by_key: Mapping[str, Dimension], problems: list[str]
) -> Dimension:
    """Return a key of which the config takes every value; whole numbers only where it takes no others."""
    given: list[str] = []
    on = dimension
    while on.where is not None and len(given) <= len(by_key):
        given.append(f"{on.where[0]}={on.where[1]}")
        on = by_key[on.where[0]]

    before = ""
    for value in dimension.samples:
        why = _refused(sections, [*given, f"{dimension.key}={value}"])
        if why and why != before:  # an unknown key is one problem, however many values it has
            before = why
            problems.append(f"[{SECTION}] {dimension.key} = {value}: {why} ({dimension.origin})")

    if not dimension.whole:
        return dimension
    between = f"{dimension.key}={float(dimension.low) + 0.5}"
    whole = bool(_refused(sections, [*given, between]))
    return replace(dimension, whole=whole)


def _refused(sections: Sections, overrides: list[str]) -> str:
    """Return why a config would not take these values; "": it does."""
    tried = copy.deepcopy(sections)
    try:
        put_over(tried, overrides)
        settings_from(tried, "it")
    except ConfigError as error:
        lines = str(error).splitlines()
        return " ".join(line.strip(" -") for line in lines[1:] or lines)
    return ""

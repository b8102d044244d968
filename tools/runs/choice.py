"""Which runs a table shows, and in which order: ``--where`` and ``--sort``."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.runs.differences import MISSING, value_of
from tools.runs.facts import COLUMNS, RunFacts
from train.monitor import Monitor
from utils.errors import ConfigError, unknown_name

_CONDITION = re.compile(r"\s*([^=!<>]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a run must say, such as ``model.name=ConvNeXtSmall`` or ``score>0.7``."""

    key: str
    sign: str
    value: str

    @classmethod
    def of(cls, text: str) -> "Condition":
        """Return the condition of a text.

        Raises:
            ConfigError: it has no sign, or asks for more or less than what is no number.
        """
        parts = _CONDITION.fullmatch(text)
        if parts is None:
            raise ConfigError(
                f"--where {text!r} is no condition: write KEY=VALUE, such as model.name=SmallResNet, or with "
                "one of != < > <= >=, such as score>0.7."
            )
        key, sign, value = parts.groups()
        if sign in _COMPARED and _number(value) is None:
            raise ConfigError(f"--where {text!r}: {value!r} is not a number, which {sign} needs.")
        return cls(key.lower(), sign, value)

    def holds(self, run: RunFacts) -> bool:
        """Tell whether a run is meant."""
        there, wanted = text_of(run, self.key), self.value
        numbers = _number(there), _number(wanted)
        if self.sign in _COMPARED:
            return None not in numbers and _COMPARED[self.sign](*numbers)  # type: ignore[arg-type]
        same = there.casefold() == wanted.casefold() or (None not in numbers and numbers[0] == numbers[1])
        return same == (self.sign == "=")


def text_of(run: RunFacts, key: str) -> str:
    """Return what a run says of a column of the table or of a key of its config; "" if nothing."""
    if key in COLUMNS:
        value = getattr(run, key)
        return "" if value is None else str(value)
    value = value_of(run, key)
    return "" if value == MISSING else value


def check_keys(runs: Sequence[RunFacts], keys: Sequence[str], option: str) -> None:
    """Refuse a key that no run has.

    Raises:
        ConfigError: has the nearest one.
    """
    valid = {*COLUMNS, *(key for run in runs for key in run.texts)}
    for key in keys:
        if key not in valid:
            raise ConfigError(f"{option}: {unknown_name('key', key, valid)}")


def in_order(runs: Sequence[RunFacts], key: str, *, reverse: bool) -> list[RunFacts]:
    """Return runs sorted by a key: scores best first, each metric's runs together; others from the least on.

    Those that say nothing of it come last.
    """
    if key == "score":
        known = [run for run in runs if run.score is not None]
        ordered = sorted(known, key=lambda run: (run.metric, -goodness(run)))
    else:
        known = [run for run in runs if text_of(run, key)]
        ordered = sorted(known, key=lambda run: _sortable(text_of(run, key)))
    listed = {id(run) for run in known}
    rest = [run for run in runs if id(run) not in listed]
    return [*(reversed(ordered) if reverse else ordered), *rest]


def goodness(run: RunFacts) -> float:
    """Return a finished run's score as a number that is better when it is higher."""
    if run.score is None:
        return -math.inf
    return Monitor(run.metric, -1 if run.lower else 1).value({run.metric: run.score})


def _sortable(text: str) -> tuple[bool, float, str]:
    number = _number(text)
    return number is None, 0.0 if number is None else number, text.casefold()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

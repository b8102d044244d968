"""Which keys of a config two runs say differently."""

from collections.abc import Sequence
from dataclasses import MISSING as _NO_DEFAULT
from functools import lru_cache

from experiment.section import tool_sections
from experiment.settings import BESIDE, CHOSEN, FIXED, here_sections
from tools.runs.facts import RunFacts
from train.callbacks.base import CALLBACKS
from utils.convert import as_text
from utils.errors import ConfigError

MISSING = "-"  # of a key that a run's config does not have
# What says which run it is, or where and how fast it went: no reason for another score.
_NOT_COMPARED = ("run.name", "run.device", "images.store", "images.store_budget")


def compared(key: str) -> bool:
    """Tell whether a key ``section.key`` may be why two runs' scores differ."""
    section = key.partition(".")[0]
    return section not in here_sections() and section not in tool_sections() and key not in _NOT_COMPARED


def value_of(run: RunFacts, key: str) -> str:
    """Return what a run's config says of a key; what it leaves out it had by default."""
    if key in run.texts:
        return run.texts[key]
    section, _, name = key.rpartition(".")
    chosen = run.texts.get(f"{section}.name", section.partition(".")[2])
    return _default(section, chosen, name)


def differing(runs: Sequence[RunFacts]) -> list[str]:
    """Return the keys that not all of these runs say alike, in the order of their configs."""
    keys = dict.fromkeys(key for run in runs for key in run.texts if compared(key))
    return [key for key in keys if len({value_of(run, key) for run in runs}) > 1]


def against(base: RunFacts, run: RunFacts) -> dict[str, str]:
    """Return what a run says otherwise than a base, by key."""
    return {key: value_of(run, key) for key in differing([base, run])}


@lru_cache(maxsize=4096)
def _default(section: str, chosen: str, name: str) -> str:
    """Return the text of a key that is left out, as far as today's code knows it."""
    kind = section.partition(".")[0]
    for keys in (FIXED.get(kind), BESIDE.get(kind)):
        if keys is not None and name in getattr(keys, "__dataclass_fields__", {}):
            default = keys.__dataclass_fields__[name].default
            return MISSING if default is _NO_DEFAULT else as_text(default)

    registry, usual = CHOSEN.get(kind, (CALLBACKS if kind == "callback" else None, None))
    if registry is None:
        return MISSING
    try:
        schema = {key.lower(): parameter for key, parameter in registry.schema(chosen or usual or "").items()}
    except ConfigError:  # a class that this version does not have
        return MISSING

    parameter = schema.get(name)
    known = parameter is not None and parameter.default is not parameter.empty
    return as_text(parameter.default) if parameter is not None and known else MISSING

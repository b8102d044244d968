"""The variables that say where things are: of the environment, and of the file ``.env`` below them."""

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from experiment.settings import PathSettings
from utils.encodings import not_utf8
from utils.errors import ConfigError, closest, listed

_PREFIX = "PODIUM_"
_FILE = Path(".env")


def environment() -> dict[str, str | None]:
    """Return the variables of ``.env`` with those of the environment over them.

    Raises:
        ConfigError: ``.env`` can't be read, a line there that should set a path does not, or a variable is
            nearly PODIUM_ and a key of ``[paths]``: another folder than the one that is meant would be taken.
    """
    try:
        problems = list(_unset()) if _FILE.is_file() else []
        variables = {**dotenv_values(_FILE), **os.environ}
    except OSError as error:
        raise ConfigError(f".env can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(not_utf8(_FILE)) from None

    valid = {f"{_PREFIX}{field.name.upper()}": field.name for field in fields(PathSettings)}
    for name in variables:
        if name.upper().startswith(_PREFIX) and name not in valid:
            near = closest(name[len(_PREFIX) :], valid.values())
            if near is not None:
                problems.append(f"{name} means nothing. Did you mean {_PREFIX}{near.upper()}?")
    if problems:
        raise ConfigError(listed("The environment or .env", problems))
    return variables


def _unset() -> Iterator[str]:
    """Yield what is wrong with the lines of ``.env`` that name a variable of ours and set none."""
    with _FILE.open(encoding="utf-8") as file:
        for binding in parse_stream(file):
            written = binding.original.string
            text = written.strip()
            if _PREFIX in text.upper() and (binding.error or (binding.key and binding.value is None)):
                line = binding.original.line + written[: written.index(text)].count("\n")
                yield f".env line {line}: {text.splitlines()[0]!r} sets nothing: write NAME=VALUE"

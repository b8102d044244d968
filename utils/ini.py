"""An ini file as sections of text values, each of which knows where it was written, for error messages."""

import configparser
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from utils.command import quoted
from utils.encodings import not_utf8
from utils.errors import ConfigError, closest, listed

_SHIPPED = Path(__file__).parents[1] / "config.ini"


@dataclass(frozen=True, slots=True)
class Value:
    """One value as text and where it was written, such as ``config.ini line 12``."""

    text: str
    origin: str


@dataclass(slots=True)
class IniSection:
    """One ``[name]`` and its keys; keys are lower case, as in every ini file."""

    name: str
    origin: str
    values: dict[str, Value] = field(default_factory=dict)


Sections = dict[str, IniSection]


def read_ini(path: Path) -> Sections:
    """Return the sections of an ini file in the order of the file.

    ``%`` means itself; `` #`` and `` ;`` begin a comment; a BOM and CRLF are fine.

    Raises:
        ConfigError: the file is missing, is not UTF-8 or is not an ini file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(_no_config(path)) from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(not_utf8(path)) from None
    if "\0" in text:
        raise ConfigError(not_utf8(path))
    parser = configparser.ConfigParser(
        interpolation=None, inline_comment_prefixes=("#", ";"), default_section="\0"
    )
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        problems = _mistakes(text) or [" ".join(str(error).split())]
        raise ConfigError(listed(str(path), problems)) from None

    lines = _line_numbers(text)
    return {
        name: IniSection(
            name,
            f"{path} line {lines.get((name, ''), '?')}",
            {
                key: Value(value, f"{path} line {lines.get((name, key), '?')}")
                for key, value in parser.items(name)
            },
        )
        for name in parser.sections()
    }


def _mistakes(text: str) -> list[str]:
    """Return what keeps a text from being an ini file, in words; configparser ends at the first one."""
    problems: list[str] = []
    lines: dict[tuple[str, str], int] = {}
    section = None
    for number, line in enumerate(text.split("\n"), start=1):
        written = re.split(r"(?:^|\s)[#;]", line, maxsplit=1)[0].rstrip()
        if not written or written[0].isspace():  # goes on with the value before
            continue
        key, separator = re.match(r"([^=:]*)([=:]?)", written).groups()  # type: ignore[union-attr]

        if written[0] == "[":
            section, key = written[1:].partition("]")[0], ""
            if "]" not in written:
                problems.append(f"Line {number}: {written!r} has no end: write [{section}].")
        elif section is None:
            problems.append(f"Line {number}: {written!r} stands before the first [section].")
            continue
        elif not separator or not key.strip():
            problems.append(f"Line {number}: {written!r} sets nothing: write key = value.")
            continue

        first = lines.setdefault((section, key.strip().lower()), number)
        if first != number:
            what = f"{key.strip()} of [{section}]" if key else f"[{section}]"
            problems.append(f"Line {number}: {what} stands in line {first} already: keep one of them.")
    return problems


def _no_config(path: Path) -> str:
    """Return what to say where there is no such config: the nearest one there, and the shipped one."""
    near = closest(path.name, (file.name for file in path.parent.glob("*.ini")))
    hint = f" Did you mean {path.with_name(near)}?" if near else ""
    return (
        f"There is no config file {path}.{hint} Name one with --config PATH, or copy the shipped one: "
        f"cp {quoted(_SHIPPED)} {quoted(path)}"
    )


def override(
    sections: Sections,
    settings: Sequence[str],
    *,
    choosing: Mapping[str, str | None] = MappingProxyType({}),
    origin: str = "--set",
) -> None:
    """Put ``section.key=value`` texts over the values of ``sections``, in place.

    The last dot before ``=`` divides section from key, so ``loss.age.smoothing=0.1`` works. In
    sections that are ``choosing`` a class (``loss`` stands for ``loss.age`` too), another ``name`` clears
    the section first: the options there were for the class that it replaces.

    Args:
        choosing: for each such section the class that it means without a ``name``, if that is certain.

    Raises:
        ConfigError: a text has no ``=`` or no dot.
    """
    parsed = []
    for text in settings:
        target, equals, right = text.partition("=")
        section, dot, key = target.strip().rpartition(".")
        if not (equals and dot and section and key):
            raise ConfigError(f"{origin} {text!r} is not of the form section.key=value.")
        parsed.append((section, key.lower(), Value(right.strip(), f"{origin} {target.strip()}")))

    # Names come first: what is set beside one is meant for the class of that name.
    for section, key, value in sorted(parsed, key=lambda entry: entry[1] != "name"):
        known = sections[section].values if section in sections else {}
        kind = section.partition(".")[0]
        meant = choosing.get(section) or value.text  # by a section without a name
        before = known["name"].text if "name" in known else meant
        if key == "name" and kind in choosing and before != value.text:
            known.clear()
        put(sections, section, key, value)


def put(sections: Sections, section: str, key: str, value: Value) -> None:
    """Set one value, adding its section when it is new.

    Raises:
        ConfigError: an ini file could not hold the value, so that a run's own config would be wrong.
    """
    if re.search(r"(^|\s)[#;]|\r", value.text):
        raise ConfigError(f"{value.origin}: {value.text!r} can't be a value: ' #' and ' ;' begin a comment.")
    if re.search("[\ud800-\udfff]", value.text):  # what Python makes of bytes that are no letters
        raise ConfigError(f"{value.origin}: {value.text!r} can't be a value: it is not UTF-8 text.")
    sections.setdefault(section, IniSection(section, value.origin)).values[key.lower()] = value


def format_ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    """Return ini text that ``read_ini`` reads back as the same sections."""
    blocks = [
        f"[{name}]\n" + "".join(f"{key} = {_indented(value)}\n" for key, value in values.items())
        for name, values in sections.items()
    ]
    return "\n".join(blocks)


def _indented(value: str) -> str:
    return value.replace("\n", "\n    ")  # which makes the further lines part of the value


def _line_numbers(text: str) -> dict[tuple[str, str], int]:
    """Return {(section, key or ""): line} for messages; what configparser accepts is decided there."""
    lines: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() breaks at more than that
        if line.startswith("[") and "]" in line:
            section = line[1 : line.index("]")]
            lines[section, ""] = number
        elif line and not line[0].isspace() and line[0] not in "#;":
            key = line.replace(":", "=").partition("=")[0].strip().lower()
            lines.setdefault((section, key), number)
    return lines

"""What a config can say, from the code: its sections, the classes they choose from, and the keys of each."""

import textwrap
from collections.abc import Iterator, Mapping, Set
from dataclasses import MISSING, dataclass, fields, replace
from inspect import Parameter
from typing import Any

from experiment.section import tool_sections
from experiment.settings import BESIDE, CHOSEN, FIXED, NAMED, REPEATED, keys_of
from inference.views.base import VIEWS
from train.callbacks.base import CALLBACKS
from utils.allowed import allowed
from utils.convert import as_text
from utils.docstrings import meanings, told_in_a_line
from utils.registry import Registry

_WIDTH = 118  # characters of a line


@dataclass(frozen=True, slots=True)
class Key:
    """An option.

    Attributes:
        default: as a config says it; None where there is none, so that it is needed.
        values: which ones are allowed, in words.
    """

    name: str
    default: str | None
    values: str
    meaning: str

    def __str__(self) -> str:
        value = "needed" if self.default is None else self.default
        text = textwrap.fill(
            f"{self.meaning} [{self.values}]".strip(),
            _WIDTH,
            initial_indent=" " * 10,
            subsequent_indent=" " * 10,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return f"{f'      {self.name} = {value}'.rstrip()}\n{text}"


@dataclass(frozen=True, slots=True)
class Offer:
    """Classes that have the same keys; as a rule one. Without a name the keys of a section itself.

    Attributes:
        classes: what each does in a line, by its name.
    """

    classes: dict[str, str]
    keys: tuple[Key, ...]

    def __str__(self) -> str:
        names = [f"  {name:<28} {line}".rstrip() for name, line in self.classes.items()]
        return "\n".join([*names, *map(str, self.keys)])

    def only(self, names: Set[str]) -> "Offer | None":
        """Return what of it one of ``names`` means, all in lower case; None when nothing does."""
        classes = {name: line for name, line in self.classes.items() if name.casefold() in names}
        if classes:
            return replace(self, classes=classes)
        keys = tuple(key for key in self.keys if key.name.casefold() in names)
        return replace(self, keys=keys) if keys else None


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """A section, or a key that names a class.

    Attributes:
        sections: the names that stand for it.
        title: the line above it.
    """

    sections: tuple[str, ...]
    title: str
    offers: tuple[Offer, ...]

    def __str__(self) -> str:
        return "\n".join([self.title, *map(str, self.offers)])

    @property
    def names(self) -> set[str]:
        """What one can ask for."""
        classes = {name for offer in self.offers for name in offer.classes}
        return {*self.sections, *classes, *(key.name for offer in self.offers for key in offer.keys)}

    def only(self, names: Set[str]) -> "OfferedSection | None":
        """Return what of it one of ``names`` means, all in lower case; None when nothing does."""
        if any(section.casefold() in names for section in self.sections):
            return self
        chosen = [part for offer in self.offers if (part := offer.only(names))]
        return replace(self, offers=tuple(chosen)) if chosen else None


def offers() -> list[OfferedSection]:
    """Return everything that a config can choose."""
    return [*_fixed(), *_named(), *_chosen()]


def _fixed() -> Iterator[OfferedSection]:
    """Yield the sections that choose no class."""
    for name, settings in {**FIXED, **tool_sections()}.items():
        title = f"[{name}]  {told_in_a_line(settings)}"
        yield OfferedSection((name,), title, (Offer({}, field_keys(settings)),))


def _named() -> Iterator[OfferedSection]:
    """Yield the keys that name a class without options."""
    tools = tool_sections()
    named = {f"[{name}] {key}": names for name, cls in tools.items() for key, names in cls.named.items()}
    for title, names in {**NAMED, **named}.items():
        classes = {name: told_in_a_line(names.get(name)) for name in names.names()}
        yield OfferedSection((title.partition(" ")[2],), title, (Offer(classes, ()),))


def _chosen() -> Iterator[OfferedSection]:
    """Yield the sections that choose a class."""
    registries = {section: registry for section, (registry, _) in CHOSEN.items()}
    for section, registry in {**registries, "callback": CALLBACKS, "view": VIEWS}.items():
        titles = [f"[{section}]"] if section in CHOSEN else []
        titles += [f"[{section}.{REPEATED[section]}]"] if section in REPEATED else []
        beside = []
        if section in BESIDE:
            line = told_in_a_line(BESIDE[section])
            beside = [Offer({"and with any of them": line}, field_keys(BESIDE[section]))]
        yield OfferedSection((section,), ", ".join(titles), (*_classes(registry), *beside))


def _classes(registry: Registry[Any]) -> list[Offer]:
    """Return the classes of a registry; those with the very same keys stand together."""
    alike: dict[tuple[Key, ...], dict[str, str]] = {}
    alone = []
    for name in registry.names():
        cls, keys = registry.get(name), class_keys(registry, name)
        if keys:
            alike.setdefault(keys, {})[name] = told_in_a_line(cls)
        else:
            alone.append(Offer({name: told_in_a_line(cls)}, ()))
    return [*alone, *(Offer(classes, keys) for keys, classes in alike.items())]


def class_keys(registry: Registry[Any], name: str) -> tuple[Key, ...]:
    """Return the keys of a registered class."""
    return keys_from(registry.get(name), registry.schema(name))


def keys_from(cls: type[Any], schema: Mapping[str, Parameter]) -> tuple[Key, ...]:
    """Return the keys that a schema of a class has."""
    texts = meanings(cls)
    return tuple(
        _key(key, parameter.default, parameter.empty, parameter.annotation, texts)
        for key, parameter in schema.items()
    )


def field_keys(settings: type[Any]) -> tuple[Key, ...]:
    """Return the keys of a section that is a dataclass."""
    texts, kinds = meanings(settings), keys_of(settings)
    return tuple(_key(f.name, f.default, MISSING, kinds[f.name], texts) for f in fields(settings))


def _key(name: str, default: object, needed: object, annotation: Any, texts: dict[str, str]) -> Key:
    value = None if default is needed else as_text(default)
    return Key(name, value, allowed(annotation), texts.get(name, ""))

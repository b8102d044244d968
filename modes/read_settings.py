"""From a config file, the environment and the command line to checked settings."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from dotenv import dotenv_values

from dataset.augment import AUGMENTATIONS
from loss.base import LOSSES
from modes.settings import CHOSEN, FIXED, REPEATED, HeadSettings, PathSettings, Settings
from train.callback import CALLBACKS
from utils.convert import convert
from utils.errors import ConfigError, listed, unknown_name
from utils.ini import Section, Sections, Value, override, put, read_ini
from utils.registry import Component, Registry


def read_sections(path: Path, overrides: Sequence[str] = ()) -> Sections:
    """Return a config file's sections with the environment's paths and ``--set`` over them."""
    sections = read_ini(path)
    try:
        environment = {**dotenv_values(".env"), **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f".env can't be read as UTF-8 text: {error}. Save it as UTF-8.") from None
    for key in (f.name for f in fields(PathSettings)):
        variable = f"PODIUM_{key.upper()}"
        if text := environment.get(variable):
            put(sections, "paths", key, Value(text, f"{variable} in the environment or .env"))
            if key == "data":  # whoever names a folder means that folder, not a drawn one
                put(sections, "paths", "draw_demo", Value("no", variable))
    if any(text.startswith("paths.data=") for text in overrides):
        put(sections, "paths", "draw_demo", Value("no", "--set paths.data"))
    override(sections, overrides, choosing=CHOSEN)
    return sections


def check(sections: Sections, source: str) -> Settings:
    """Return the settings.

    Raises:
        ConfigError: lists every unknown section, key, class and value of the config, each with its
            place and the nearest valid name.
    """
    return _Check(sections).settings(source)


class _Check:
    """Reads section by section and collects what is wrong on the way."""

    def __init__(self, sections: Sections) -> None:
        self.sections = sections
        self.problems: list[str] = []
        self.heads: dict[str, HeadSettings] = {}  # by head, "" for all

    def settings(self, source: str) -> Settings:
        self.names()
        fixed = {name: self.fixed(name, cls) for name, cls in FIXED.items()}
        chosen = {name: self.chosen(name, *choice) for name, choice in CHOSEN.items()}
        losses = {name.partition(".")[2]: self.head_loss(name) for name in self.repeated("loss")}
        augmentations = [self.named(name, AUGMENTATIONS) for name in self.repeated("augmentation")]
        callbacks = [self.named(name, CALLBACKS) for name in self.repeated("callback")]
        if self.problems:
            raise ConfigError(listed(source, self.problems))
        return Settings(
            **fixed,
            chosen=chosen,
            augmentations=(chosen["augmentation"], *augmentations),
            head_losses=losses,
            heads=self.heads,
            callbacks=tuple(callbacks),
        )

    def names(self) -> None:
        """Note the sections that nothing would read."""
        valid = [*FIXED, *CHOSEN, *(f"{kind}.{what}" for kind, what in REPEATED.items())]
        for name, section in self.sections.items():
            kind, _, part = name.partition(".")
            if name not in valid and not (part and kind in REPEATED):
                self.problems.append(f"{unknown_name('section', name, valid)} ({section.place})")

    def repeated(self, kind: str) -> list[str]:
        """Return the names of the sections ``kind.X``, in the order of the file."""
        return [name for name in self.sections if name.startswith(f"{kind}.") and name != f"{kind}."]

    def section(self, name: str) -> Section:
        return self.sections.get(name, Section(name, "the whole file"))

    def fixed(self, name: str, cls: type[Any]) -> Any:
        """Return the dataclass of a fixed section, or None if something is wrong with it."""
        section, before = self.section(name), len(self.problems)
        values = self.converted(name, cls, section.values)
        missing = {f.name for f in fields(cls) if f.default is f.default_factory} - section.values.keys()
        self.problems += [f"[{name}] needs '{key} = ...' ({section.place})" for key in sorted(missing)]
        return cls(**values) if len(self.problems) == before else None

    def chosen(self, name: str, registry: Registry[Any], default: str | None) -> Component:
        """Return the component of a section with ``name = ...``."""
        section = self.section(name)
        options = dict(section.values)
        named = options.pop("name", Value(default or "", section.place))
        if registry is LOSSES:
            of_head = {f.name: options.pop(f.name) for f in fields(HeadSettings) if f.name in options}
            general = self.heads.get("", HeadSettings())
            changed = self.converted(name, HeadSettings, of_head)
            self.heads[name.partition(".")[2]] = replace(general, **changed)
        component = Component(named.text, options, name, named.place)
        if named.text:
            self.problems += registry.problems(component)
        else:
            valid = ", ".join(registry.names())
            self.problems.append(f"[{name}] needs 'name = ...', one of {valid} ({section.place})")
        return component

    def head_loss(self, name: str) -> Component:
        """Return the loss of one head: without a ``name``, that of [loss] with some options changed."""
        section = self.section(name)
        if "name" not in section.values:
            section.values = {**self.section("loss").values, **section.values}
        return self.chosen(name, LOSSES, CHOSEN["loss"][1])

    def named(self, name: str, registry: Registry[Any]) -> Component:
        """Return the component of a section that is named after its class, such as [callback.EMA]."""
        section = self.section(name)
        component = Component(name.partition(".")[2], section.values, name, section.place)
        self.problems += registry.problems(component)
        return component

    def converted(self, name: str, cls: type[Any], texts: Mapping[str, Value]) -> dict[str, Any]:
        """Return the values of a dataclass's fields."""
        hints = get_type_hints(cls, include_extras=True)
        values: dict[str, Any] = {}
        for key, value in texts.items():
            if key not in hints:
                self.problems.append(f"[{name}] {unknown_name('key', key, hints)} ({value.place})")
                continue
            try:
                values[key] = convert(value.text, hints[key])
            except ValueError as error:
                self.problems.append(f"[{name}] {key}: {error} ({value.place})")
        return values

"""From a config file, the environment and the command line to checked settings."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from dataset.augmentation.base import AUGMENTATIONS
from dataset.metrics.base import METRICS
from dataset.metrics.file_metric import FileMetric
from experiment.environment import environment
from experiment.section import tool_sections
from experiment.settings import (
    BESIDE,
    CHOSEN,
    FIXED,
    MOVED,
    REPEATED,
    PathSettings,
    Settings,
    keys_of,
)
from inference.views.base import VIEWS
from models.base import MODELS
from train.callbacks.base import CALLBACKS
from utils.convert import convert
from utils.errors import ConfigError, listed, unknown_name
from utils.ini import IniSection, Sections, Value, override, put, read_ini
from utils.registry import Component, Registry


def read_settings(arguments: Namespace, overrides: Sequence[str] | None = None) -> Settings:
    """Return the settings that a command line asks for.

    Args:
        arguments: with ``config`` and ``overrides``, the texts of ``--set``.
        overrides: taken in place of those.
    """
    texts = arguments.overrides if overrides is None else overrides
    return settings_from(read_sections(arguments.config, texts), str(arguments.config))


def written_settings(path: Path) -> Settings:
    """Return the settings of a config as it stands there; keys that are newer than it are filled in."""
    return settings_from(read_ini(path), str(path))


def read_sections(path: Path, overrides: Sequence[str] = ()) -> Sections:
    """Return a config file's sections with the environment's paths and ``--set`` over them."""
    sections = read_ini(path)
    put_over(sections, overrides)
    return sections


def put_over(sections: Sections, overrides: Sequence[str]) -> None:
    """Put the environment's paths and then the texts of ``--set`` over the values of a config, in place."""
    variables = environment()
    for key in (f.name for f in fields(PathSettings)):
        variable = f"PODIUM_{key.upper()}"
        if text := variables.get(variable):
            put(sections, "paths", key, Value(text, f"{variable} in the environment or .env"))
            if key == "data":  # whoever names a folder means that folder, not a drawn one
                put(sections, "paths", "draw_demo", Value("no", variable))
    if "paths.data" in map(key_of, overrides):
        put(sections, "paths", "draw_demo", Value("no", "--set paths.data"))
    meant = {kind: default for kind, (_, default) in CHOSEN.items()} | {"head": None}  # the model's own
    override(sections, overrides, choosing=meant)


def data_source(overrides: Sequence[str]) -> str | None:
    """Return what names the data folder over the head of every config: ``--set``, a variable, or nothing."""
    if "paths.data" in map(key_of, overrides):
        return "--set paths.data"
    return "PODIUM_DATA" if environment().get("PODIUM_DATA") else None


def key_of(text: str) -> str:
    """Return the ``section.key`` of a text of ``--set``."""
    return text.partition("=")[0].strip().lower()


def settings_from(sections: Sections, source: str) -> Settings:
    """Return the settings that a config's sections say.

    Raises:
        ConfigError: lists every unknown section, key, class and value of the config, each with its
            line and the nearest valid name.
    """
    return _Reader(sections).settings(source)


def keys_beside(kind: str) -> list[str]:
    """Return the keys that a section of a kind takes whatever class it names."""
    return [field.name for field in fields(BESIDE[kind])] if kind in BESIDE else []


class _Reader:
    """Reads section by section and collects what is wrong on the way."""

    def __init__(self, sections: Sections) -> None:
        self.sections = sections
        self.problems: list[str] = []
        self.beside: dict[str, Any] = {}  # by section

    def settings(self, source: str) -> Settings:
        self.names()
        fixed = {name: self.fixed(name, cls) for name, cls in FIXED.items()}
        tools = {name: self.fixed(name, cls) for name, cls in tool_sections().items()}
        spaces = {kind: self.repeated(kind) for kind, what in REPEATED.items() if what == "SPACE"}
        names = [name for kind in CHOSEN for name in (kind, *spaces.get(kind, ()))]
        chosen = {name: self.chosen(name) for name in names}
        metrics = [self.named(name, METRICS) for name in self.repeated("metric")]
        augmentations = [self.named(name, AUGMENTATIONS) for name in self.repeated("augmentation")]
        callbacks = [self.named(name, CALLBACKS) for name in self.repeated("callback")]
        views = self.views()

        if self.problems:
            raise ConfigError(listed(source, self.problems))
        return Settings(
            **fixed,
            tools=tools,
            chosen=chosen,
            beside=self.beside,
            metrics=(chosen["metric"], *metrics),
            augmentations=(chosen["augmentation"], *augmentations),
            callbacks=tuple(callbacks),
            views=views,
        )

    def names(self) -> None:
        """Note the sections that nothing would read."""
        free = [name for section in tool_sections().values() for name in section.free]
        valid = [
            *FIXED,
            *tool_sections(),
            *free,
            *CHOSEN,
            *(f"{kind}.{what}" for kind, what in REPEATED.items()),
        ]
        for name, section in self.sections.items():
            kind, _, part = name.partition(".")
            if name not in valid and not (part and kind in REPEATED):
                self.problems.append(f"{unknown_name('section', name, valid)} ({section.origin})")

    def repeated(self, kind: str) -> list[str]:
        """Return the names of the sections ``kind.X``, in the order of the file."""
        return [name for name in self.sections if name.startswith(f"{kind}.") and name != f"{kind}."]

    def section(self, name: str) -> IniSection:
        return self.sections.get(name, IniSection(name, "the whole file"))

    def fixed(self, name: str, cls: type[Any]) -> Any:
        """Return the dataclass of a fixed section, or None if something is wrong with it."""
        section, before = self.section(name), len(self.problems)
        values = self.converted(name, cls, section.values)
        missing = {f.name for f in fields(cls) if f.default is f.default_factory} - section.values.keys()
        self.problems += [f"[{name}] needs '{key} = ...' ({section.origin})" for key in sorted(missing)]
        return cls(**values) if len(self.problems) == before else None

    def chosen(self, name: str) -> Component:
        """Return the component of a section with ``name = ...``.

        That of one label space without a name is that of all with some options changed.
        """
        kind, _, space = name.partition(".")
        registry, section = CHOSEN[kind][0], self.section(name)
        inherited = self.section(kind).values if space and "name" not in section.values else {}
        options = {**inherited, **section.values}
        named = options.pop("name", Value(self.default(kind), section.origin))
        if kind in BESIDE:
            self.take_beside(name, options)
        component = Component(named.text, options, name, named.origin)
        if named.text:
            self.problems += registry.problems(component, keys_beside(kind))
        else:
            valid = ", ".join(registry.names())
            self.problems.append(f"[{name}] needs 'name = ...', one of {valid} ({section.origin})")
        return component

    def take_beside(self, name: str, options: dict[str, Value]) -> None:
        """Take those keys out of a section's that are not the chosen class's; they begin as all spaces'."""
        kind = name.partition(".")[0]
        cls = BESIDE[kind]
        texts = {f.name: options.pop(f.name) for f in fields(cls) if f.name in options}
        before = self.beside.get(kind, cls()) if REPEATED.get(kind) == "SPACE" else cls()
        self.beside[name] = replace(before, **self.converted(name, cls, texts))

    def default(self, kind: str) -> str:
        """Return the class that a section without a ``name`` means, or nothing."""
        if kind == "metric" and "file" in self.section(kind).values:
            return FileMetric.__name__
        default = CHOSEN[kind][1] or ""
        model = self.section("model").values.get("name")
        if kind == "head" and model and model.text in MODELS.names():
            return getattr(MODELS.get(model.text), "default_head", default)
        return default

    def named(self, name: str, registry: Registry[Any]) -> Component:
        """Return the component of a section that is named after its class, such as [callback.EMA]."""
        section = self.section(name)
        options = dict(section.values)
        if name.partition(".")[0] in BESIDE:
            self.take_beside(name, options)
        component = Component(name.partition(".")[2], options, name, section.origin)
        self.problems += registry.problems(component, keys_beside(name.partition(".")[0]))
        return component

    def views(self) -> dict[str, Component]:
        """Return the component of each view that [infer] names or that has a section, by its class."""
        value = self.section("infer").values.get("views", Value("none", ""))
        parts = [part.strip() for part in value.text.split(",")]
        named, line = [name for name in parts if name.lower() not in ("", "none")], value.origin
        if len({name.lower() for name in named}) < len(named):
            self.problems.append(f"[infer] views = {value.text}: a view is there twice ({line})")
        views = {name.partition(".")[2]: self.named(name, VIEWS) for name in self.repeated("view")}
        classes = {name.lower(): name for name in VIEWS.names()}
        for name in named:
            if name.lower() not in classes:
                self.problems.append(f"[infer] views: {unknown_name('view', name, VIEWS.names())} ({line})")
                continue
            cls = classes[name.lower()]
            views.setdefault(cls, Component(cls, section=f"view.{cls}", origin=line))
        return views

    def converted(self, name: str, cls: type[Any], texts: Mapping[str, Value]) -> dict[str, Any]:
        """Return the values of a dataclass's fields."""
        hints = keys_of(cls)
        values: dict[str, Any] = {}
        for key, value in texts.items():
            if (name, key) in MOVED:
                self.problems.append(f"[{name}] {key} is now {MOVED[name, key]} ({value.origin})")
                continue
            if key not in hints:
                self.problems.append(f"[{name}] {unknown_name('key', key, hints)} ({value.origin})")
                continue
            try:
                values[key] = convert(value.text, hints[key])
            except ValueError as error:
                self.problems.append(f"[{name}] {key}: {error} ({value.origin})")
        return values

"""A folder of classes that a config file chooses from: the class's name is its name there.

A class is added by one new file in the registry's folder:

    @LOSSES.register
    class Focal(Loss):
        def __init__(self, *, gamma: NonNegative = 2.0) -> None: ...

Its keyword-only arguments are its config keys, with their types and defaults; arguments named in the
registry's ``runtime`` are handed over by the program and are never config keys.
"""

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar, get_type_hints

from utils.convert import as_text, convert
from utils.errors import ConfigError, PodiumError, closest, unknown_name
from utils.ini import Value
from utils.too_large import is_too_large

T = TypeVar("T")
_MOST_OWNERS = 3  # classes that a message names


@dataclass(frozen=True, slots=True)
class Component:
    """A class chosen by name and the text of its options."""

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)
    section: str = ""
    origin: str = ""

    @classmethod
    def of(cls, name: str, **options: object) -> "Component":
        """Return a component from Python values, as if they had been written in a config."""
        texts = {key.lower(): Value(as_text(value), key) for key, value in options.items()}
        return cls(name, texts, section=name)


class Registry(Generic[T]):
    """All classes registered in the modules of one package, or of several."""

    def __init__(
        self,
        kind: str,
        *packages: str,
        runtime: tuple[str, ...] = (),
        elsewhere: Callable[[str], str | None] | None = None,
    ) -> None:
        """Name the folder.

        Args:
            kind: the word in messages.
            packages: imported with their modules on first use; ``tools.*`` are those in ``tools``, if any.
            runtime: arguments of constructors that the program hands over.
            elsewhere: what to write instead of a name that no class has, None where nobody knows.
        """
        self.kind = kind
        self.packages = packages
        self.runtime = runtime
        self._elsewhere = elsewhere
        self._classes: dict[str, type[T]] = {}
        self._imported = False

    def register(self, cls: type[T]) -> type[T]:
        """Add a class under its own name (a decorator)."""
        if cls.__name__ in self._classes:
            raise TypeError(f"there are two {self.kind} classes named {cls.__name__}")
        self._classes[cls.__name__] = cls
        return cls

    def names(self) -> list[str]:
        """Return the names of all classes, sorted."""
        self._import_all()
        return sorted(self._classes)

    def get(self, name: str) -> type[T]:
        """Return the class of that name.

        Raises:
            ConfigError: there is none; the message has the closest name and all of them.
        """
        self._import_all()
        if name not in self._classes:
            instead = self._elsewhere(name) if self._elsewhere is not None else None
            if instead is not None:
                raise ConfigError(f"There is no {self.kind} class {name!r}: write {instead}")
            raise ConfigError(unknown_name(self.kind, name, self._classes))
        return self._classes[name]

    def schema(self, name: str) -> dict[str, inspect.Parameter]:
        """Return the config keys of a class; each parameter's annotation is resolved to a type."""
        init = self.get(name).__init__
        return {key: parameter for key, parameter in _keyword_only(init).items() if key not in self.runtime}

    def schema_of(self, component: Component) -> dict[str, inspect.Parameter]:
        """Return the config keys of a class as it is chosen: some options bring further ones.

        A class says those by ``further_keys(options)``, of its options that have been read already.
        """
        schema = self.schema(component.name)
        return {**schema, **(self._further(component, schema) or {})}

    def problems(self, component: Component, beside: Iterable[str] = ()) -> list[str]:
        """Return what is wrong with a component's name and options, a line each.

        Args:
            beside: keys that its section takes whatever class it names.
        """
        try:
            self._options(component, beside)
        except _ProblemsFound as found:
            return found.problems
        return []

    def build(self, component: Component, **offered: Any) -> T:
        """Return an instance made from the config's options and those ``offered`` objects it names.

        Raises:
            ConfigError: the name or an option is wrong, or the constructor refuses a value, or needs more
                memory than there is.
        """
        cls, arguments = self.get(component.name), self.arguments(component, **offered)

        try:
            return cls(**arguments)
        except PodiumError:
            raise
        except ValueError as error:
            where = component.origin or component.section
            raise ConfigError(f"[{component.section}] {component.name}: {error} ({where})") from error

        # What torch raises for a tensor that is too large is no bug, everything else of these is.
        except (RuntimeError, MemoryError, OverflowError) as error:
            if not is_too_large(error):
                raise
            sizes = ", ".join(f"{key} = {value.text}" for key, value in component.options.items())
            raise ConfigError(
                f"[{component.section}] {component.name}: more than the memory holds "
                f"({sizes or 'as it is'}). Write smaller numbers ({component.origin or component.section})."
            ) from error

    def arguments(self, component: Component, **offered: Any) -> dict[str, Any]:
        """Return what ``build`` calls the constructor with, the defaults of its options filled in.

        Raises:
            ConfigError: the name or an option is wrong.
        """
        try:
            options = self._options(component)
        except _ProblemsFound as found:
            raise ConfigError("; ".join(found.problems)) from None
        wanted = inspect.signature(self.get(component.name).__init__).parameters
        given = {key: offered[key] for key in self.runtime if key in wanted and key in offered}
        defaults = {key: parameter.default for key, parameter in self.schema_of(component).items()}
        return defaults | options | given

    def _options(self, component: Component, beside: Iterable[str] = ()) -> dict[str, Any]:
        try:
            schema = self.schema(component.name)
        except ConfigError as error:
            raise _ProblemsFound([f"[{component.section}] {error} ({component.origin})"]) from None
        further = self._further(component, schema)
        schema |= further or {}
        by_lower = {key.lower(): key for key in schema}
        options, problems = {}, []

        for key, value in component.options.items():
            if key not in by_lower:
                if further is not None:
                    message = self._unknown_key(component.name, key, {*schema, *beside})
                    problems.append(f"[{component.section}] {message} ({value.origin})")
                continue
            name = by_lower[key]
            try:
                options[name] = convert(value.text, schema[name].annotation)
            except ValueError as error:
                problems.append(f"[{component.section}] {name}: {error} ({value.origin})")

        for name, parameter in schema.items():
            if parameter.default is parameter.empty and name.lower() not in component.options:
                problems.append(
                    f"[{component.section}] {component.name} needs '{name} = ...' ({component.origin})"
                )
        if problems:
            raise _ProblemsFound(problems)
        return options

    def _unknown_key(self, name: str, key: str, valid: Set[str]) -> str:
        """Return a line on a key that a class has not, with the others that have it, or one like it."""
        message = unknown_name(f"key for {name}", key, valid)
        owners: dict[str, list[str]] = {}
        for other in self.names():
            for option in self.schema(other):
                owners.setdefault(option, []).append(other)
        meant = closest(key, owners)
        if meant is None or (meant.casefold() != key.casefold() and closest(key, valid) is not None):
            return message

        classes = owners[meant]
        more = f" and {len(classes) - _MOST_OWNERS} more" if len(classes) > _MOST_OWNERS else ""
        return f"{message} {meant!r} is a key of {', '.join(classes[:_MOST_OWNERS])}{more}."

    def _further(
        self, component: Component, schema: Mapping[str, inspect.Parameter]
    ) -> dict[str, inspect.Parameter] | None:
        """Return the keys that a component's options bring, None where those can't be read."""
        further_keys = getattr(self.get(component.name), "further_keys", None)
        if further_keys is None:
            return {}
        texts = {
            key: component.options[key.lower()].text for key in schema if key.lower() in component.options
        }
        try:
            options = {key: convert(text, schema[key].annotation) for key, text in texts.items()}
        except ValueError:  # a problem of its own
            return None
        further: dict[str, inspect.Parameter] | None = further_keys(options)
        return further

    def _import_all(self) -> None:
        if self._imported:
            return
        self._imported = True
        for package in self.packages:
            _import_modules(package)


@cache
def _keyword_only(function: Callable[..., None]) -> Mapping[str, inspect.Parameter]:
    """Return a function's keyword-only arguments, their annotations resolved; a config asks many times."""
    hints = get_type_hints(function, include_extras=True)
    return {
        key: parameter.replace(annotation=hints[key])
        for key, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _import_modules(package: str) -> None:
    parent, _, last = package.rpartition(".")
    if last != "*":
        module = importlib.import_module(package)
        for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
            importlib.import_module(f"{package}.{info.name}")
    elif importlib.util.find_spec(parent) is not None:
        for info in pkgutil.iter_modules(importlib.import_module(parent).__path__):
            _import_modules(f"{parent}.{info.name}")


class _ProblemsFound(Exception):
    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems

"""Settings as the texts of a config, defaults filled in."""

from dataclasses import fields
from typing import Any

from utils.convert import as_text
from utils.registry import Component, Registry


def dataclass_texts(settings: Any) -> dict[str, str]:
    return {f.name: as_text(getattr(settings, f.name)) for f in fields(settings)}


def component_texts(registry: Registry[Any], component: Component) -> dict[str, str]:
    return {
        key: component.options[key.lower()].text
        if key.lower() in component.options
        else as_text(parameter.default)
        for key, parameter in registry.schema_of(component).items()
    }

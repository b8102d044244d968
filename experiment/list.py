"""Names everything that a config can choose."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from experiment.mode import MODES, Mode
from experiment.section import tool_sections
from experiment.settings import BESIDE, CHOSEN, FIXED, NAMED, REPEATED
from inference.views.base import VIEWS
from train.callbacks.base import CALLBACKS
from utils.convert import as_text
from utils.docstrings import told_in_a_line


@MODES.register
class List(Mode):
    """Print every section, class and key of a config, with defaults."""

    answers = True

    def run(self, arguments: Namespace) -> None:
        tools = tool_sections()
        for section, settings in {**FIXED, **tools}.items():
            print(f"\n[{section}]  {told_in_a_line(settings)}")
            print(*_keys(settings), sep="\n")
        named = {f"[{name}] {key}": of for name, cls in tools.items() for key, of in cls.named.items()}
        for key, names in {**NAMED, **named}.items():
            print(f"\n{key}")
            for name in names.names():
                print(f"  {name:<28} {told_in_a_line(names.get(name))}")
        registries = {section: registry for section, (registry, _) in CHOSEN.items()}
        for section, registry in {**registries, "callback": CALLBACKS, "view": VIEWS}.items():
            parts = [f"[{section}]"] if section in CHOSEN else []
            parts += [f"[{section}.{REPEATED[section]}]"] if section in REPEATED else []
            print(f"\n{', '.join(parts)}")
            for name in registry.names():
                print(f"  {name:<28} {told_in_a_line(registry.get(name))}")
                for key, parameter in registry.schema(name).items():
                    print(_key(key, parameter.default, parameter.empty))
            if section in BESIDE:
                print(f"  {'and with any of them':<28} {told_in_a_line(BESIDE[section])}")
                print(*_keys(BESIDE[section]), sep="\n")


def _keys(settings: type[Any]) -> Iterator[str]:
    for f in fields(settings):
        yield _key(f.name, f.default, MISSING)


def _key(name: str, default: object, needed: object) -> str:
    return f"      {name} = {'needed' if default is needed else as_text(default)}".rstrip()

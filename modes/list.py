"""Names everything that a config can choose."""

import inspect
from argparse import Namespace

from modes.mode import MODES, Mode
from modes.settings import CHOSEN
from train.callback import CALLBACKS


@MODES.register
class List(Mode):
    """Print every task, model, loss, ... with its options and their defaults."""

    def run(self, arguments: Namespace) -> None:
        registries = {section: registry for section, (registry, _) in CHOSEN.items()}
        for section, registry in {**registries, "callback.NAME": CALLBACKS}.items():
            print(f"\n[{section}]")
            for name in registry.names():
                print(f"  {name:<28} {_first_line(registry.get(name))}")
                for key, parameter in registry.schema(name).items():
                    default = "needed" if parameter.default is parameter.empty else parameter.default
                    print(f"      {key} = {default}")


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]

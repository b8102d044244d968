"""What a config can choose by the value of an option: an optimiser or a backbone that timm has."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from experiment.offers import Offer, OfferedSection, keys_from
from experiment.settings import CHOSEN
from utils.docstrings import told_in_a_line
from utils.ini import Value
from utils.registry import Component


@dataclass(frozen=True, slots=True)
class Names:
    """The names that an option of a class can have, each of which stands for something else."""

    section: str
    cls: str
    option: str
    names: tuple[str, ...]

    def part(self, name: str) -> OfferedSection:
        """Return what ``--mode list`` shows of one: the class with that option, and its keys then."""
        registry, _ = CHOSEN[self.section]
        component = Component(self.cls, {self.option: Value(name, "")}, self.section)
        keys = keys_from(registry.get(self.cls), registry.schema_of(component))
        keys = tuple(replace(key, default=name) if key.name == self.option else key for key in keys)
        line = told_in_a_line(registry.get(self.cls))
        return OfferedSection((self.section,), f"[{self.section}]", (Offer({self.cls: line}, keys),))


def many_names() -> Iterator[Names]:
    """Yield the options that stand for many; a class says its own by ``further_names``."""
    for section, (registry, _) in CHOSEN.items():
        for name in registry.names():
            further_names = getattr(registry.get(name), "further_names", None)
            if further_names is not None:
                option, names = further_names()
                yield Names(section, name, option, tuple(names))

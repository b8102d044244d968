"""What a room in ``tools/`` adds to a config: a section of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

from utils.registry import Registry


class Section:
    """A subclass is a frozen dataclass in a file of a folder in ``tools/``: its fields are the keys.

    None of them may say anything of what is trained: a run that goes on may have others.

    Attributes:
        section: the name between the brackets.
        is_here: whether it says how the tool works today, whatever the run that it works on was trained with.
        named: the keys that name a class without options, and where such classes are.
        free: further sections, such as ``sweep.space``, whose keys only the tool knows: it reads them itself.
    """

    __slots__ = ()

    section: ClassVar[str]
    is_here: ClassVar[bool] = False
    named: ClassVar[Mapping[str, Registry[Any]]] = {}
    free: ClassVar[tuple[str, ...]] = ()


SECTIONS: Registry[Section] = Registry("section", "tools.*")


def tool_sections() -> dict[str, type[Section]]:
    """Return the sections of all tools that are there, by name."""
    return {cls.section: cls for cls in map(SECTIONS.get, SECTIONS.names())}

"""What a run that is made of other runs is called."""

from collections.abc import Iterable, Sequence
from pathlib import Path

_MOST = 3  # names that stand in one


def name_of_members(members: Iterable[Path], ending: str) -> str:
    """Return the name of what is made of some runs: theirs, each once, and what it is.

    Args:
        members: their folders, ``name/version`` or ``name/version/fold-0``.
        ending: such as ``_soup``; a name that ends so already is not given it again.
    """
    names = list(dict.fromkeys(_name(folder) for folder in members))
    together = "_".join(names[:_MOST]) + (f"_and_{len(names) - _MOST}_more" if len(names) > _MOST else "")
    kept = together.removesuffix(ending)
    return _cut(kept, 200) + ending


def chosen_name(here: str, config: str, members: Sequence[Path], ending: str) -> str:
    """Return the name of the result: that of --set run.name, or of a config that is meant for it, or its own.

    Args:
        here: [run] name with --set.
        config: [run] name without it.
    """
    if here != config or config.endswith(ending):
        return here
    return name_of_members(members, ending)


def padded(which: str) -> str:
    """Return a version as its folder is called, such as 002 for 2; any other text as it is."""
    return which.lstrip("0").zfill(3) if which.isascii() and which.isdigit() else which


def _name(folder: Path) -> str:
    """Return the [run] name of a folder: a version is a number, and a member lies in one."""
    parts = folder.absolute().parts
    versions = [position for position in range(len(parts) - 2, len(parts)) if parts[position].isdigit()]
    return parts[versions[-1] - 1] if versions and versions[-1] else parts[-1]


def _cut(name: str, most: int) -> str:
    """Return a name of at most so many bytes, which a folder's name has 255 of."""
    return name.encode()[:most].decode("utf-8", "ignore")

"""Every file below a folder, in a fixed order, with links followed where that is allowed."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dataset.files.left_behind import is_left_behind
from dataset.files.links import Links, WrongLink
from utils.printable import printable


class FoundFile(NamedTuple):
    """A file's name relative to the folder, with slashes, and where it really is if a link leads to it."""

    name: str
    real: str = ""


@dataclass(slots=True)
class Walk:
    """What is below a folder.

    Attributes:
        files: sorted by folder and name.
        left_out: names of what systems leave behind.
        problems: links that are not followed, names that are no text and what can't be read, a line each.
    """

    folder: Path
    links: Links
    files: list[FoundFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _real: Path = Path()
    _entered: dict[Path, Path] = field(default_factory=dict)  # where a link leads: the link

    @classmethod
    def of(cls, folder: Path, links: Links) -> "Walk":
        """Return what is below a folder."""
        walk = cls(folder, links, _real=folder.resolve())
        walk._enter("", None)
        walk.files.sort(key=lambda file: file.name.split("/"))
        return walk

    def again(self) -> dict[str, str]:
        """Return the names of files that are another one of these, and its name: links lead to both."""
        if not any(file.real for file in self.files):
            return {}
        first: dict[str, str] = {}
        again = {}
        for file in sorted(self.files, key=lambda file: bool(file.real)):  # what is no link comes first
            known = first.setdefault(file.real or f"{self._real}/{file.name}", file.name)
            if known != file.name:
                again[file.name] = known
        return again

    def _enter(self, below: str, real: Path | None) -> None:
        """Note what is in a folder; ``real`` is where it is, if a link leads there."""
        path = self.folder / below

        try:
            with os.scandir(path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(f"{path} can't be read: {error.strerror}")
            return

        for entry in listed:
            name = f"{below}{entry.name}"
            if is_left_behind(entry.name):
                self.left_out.append(name)
            elif not _is_text(entry.name):  # no table, config or submission could hold it
                shown = printable(str(self.folder / name))
                self.problems.append(f"{shown}: its name is not UTF-8 text. Rename it")
            elif entry.is_symlink():
                self._follow(name, self.folder / name, real or self._real / below)
            elif entry.is_dir():
                self._enter(f"{name}/", None if real is None else real / entry.name)
            elif entry.is_file():
                self.files.append(FoundFile(name, "" if real is None else f"{real}/{entry.name}"))
            else:
                self.problems.append(f"{self.folder / name} is neither a file nor a folder")

    def _follow(self, name: str, link: Path, inside: Path) -> None:
        """Note what a link leads to; ``inside`` is the folder in which it really is."""
        try:
            target = self.links.target(link)
        except WrongLink as error:
            self.problems.append(str(error))
            return

        if target.is_file():
            self.files.append(FoundFile(name, str(target)))
        elif not target.is_dir():
            self.problems.append(f"{link} is a link to {target}, which is neither a file nor a folder")
        elif inside.is_relative_to(target) or self._real.is_relative_to(target):
            self.problems.append(f"{link} is a link to {target}, a folder that it is in itself")
        elif self._is_walked(target):
            self.problems.append(f"{link} is a link to {target}, whose files are here already")
        elif other := self._entered_at(target):
            self.problems.append(f"{link} is a link to {target}, where {other} leads as well")
        else:
            self._entered[target] = link
            self._enter(f"{name}/", target)

    def _is_walked(self, target: Path) -> bool:
        """Return whether a folder is found without any link."""
        return target.is_relative_to(self._real) and not any(
            map(is_left_behind, target.relative_to(self._real).parts)
        )

    def _entered_at(self, target: Path) -> Path | None:
        """Return a link to the same folder, or to one above or below it."""
        either = (
            link
            for other, link in self._entered.items()
            if other.is_relative_to(target) or target.is_relative_to(other)
        )
        return next(either, None)


def _is_text(name: str) -> bool:
    """Return whether a name's bytes are letters, of which Python keeps others as halves of such."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)

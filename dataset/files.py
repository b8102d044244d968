"""Image files below one folder, found by the names that a table gives them."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from utils.errors import DataError
from utils.on_disk import on_disk

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


class _Folder(NamedTuple):
    """A folder below that of the images, as it was when it was listed."""

    path: str  # relative to the root, with a slash at the end
    inside: bool  # whether it is, links followed, inside the folder of the images
    names: dict[str, str]  # on disk, by composed name
    plain: frozenset[str]  # names on disk of files that are no links


class ImageFolder:
    """A folder inside the data folder; each of its subfolders is listed once.

    Args:
        root: the data folder.
        name: of the folder in it.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.path = root, on_disk(root / name)
        if not self.path.is_dir():
            raise DataError(f"There is no folder {self.path}. Is PODIUM_DATA (or data in [paths]) right?")
        self._inside = self.path.resolve()
        self._listed: dict[str, _Folder] = {}  # by its path as it was asked for
        self._meant: dict[Path, dict[str, str]] = {}  # by folder: names by what may be written for them

    def find(self, name: str) -> str:
        """Return the file of that name, relative to the root and as it is spelt on disk.

        Raises:
            ValueError: there is none, or it leads out of the folder.
        """
        above, _, last = name.rpartition("/")
        folder = self._listing(f"{self.path}/{above}")
        # A Korean name may be spelt in two ways (composed, or decomposed by a Mac's archive).
        spelt = folder.names.get(unicodedata.normalize("NFC", last), "")
        if folder.inside and spelt in folder.plain:
            return folder.path + spelt
        return self._find_slowly(name)

    def _find_slowly(self, name: str) -> str:
        """Return the same of what is a link, or is written in another way, or is not there."""
        path = Path(f"{self.path}/{name}")
        path = on_disk(path.parent) / path.name
        spelt = self._listing(str(path.parent)).names.get(unicodedata.normalize("NFC", path.name))
        file = path.parent / spelt if spelt else path
        try:
            there = file.resolve()
            if not name or not there.is_relative_to(self._inside) or there == self._inside:
                raise ValueError(f"{name!r} is not a file inside {self._inside}")
            if there.is_file():
                return file.relative_to(self.root).as_posix()
        except OSError:  # a name that no file system takes
            pass
        raise ValueError(f"there is no image {path}{self._hint(path)}")

    def walk(self) -> Iterator[Path]:
        """Yield every file below the folder in a fixed order, dot-files and dot-folders left out."""
        for path in sorted(self.path.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(self.path).parts)
            if not hidden and not path.is_dir():
                yield path

    def _listing(self, path: str) -> _Folder:
        if path not in self._listed:
            self._listed[path] = self._list(Path(path))
        return self._listed[path]

    def _list(self, folder: Path) -> _Folder:
        inside = False
        names: dict[str, str] = {}
        plain: list[str] = []
        try:
            inside = folder.resolve().is_relative_to(self._inside)
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    names[unicodedata.normalize("NFC", entry.name)] = entry.name
                    if entry.is_file(follow_symlinks=False):
                        plain.append(entry.name)
        except OSError:  # there is no such folder
            pass
        path = (folder / "_").relative_to(self.root).as_posix()[:-1]
        return _Folder(path, inside, names, frozenset(plain))

    def _hint(self, path: Path) -> str:
        """Return what a name without its extension, or with other capitals, was meant to be."""
        if path.parent not in self._meant:
            known = self._listing(str(path.parent)).names
            stems = {Path(name).stem.casefold(): name for name in known}
            self._meant[path.parent] = stems | {name.casefold(): name for name in known}
        wanted = unicodedata.normalize("NFC", path.name).casefold()
        name = self._meant[path.parent].get(wanted, "")
        if not name:
            return ""
        forgotten = "" if name.casefold() == wanted else f" (extension = {Path(name).suffix})"
        return f". Did you mean {name!r}?{forgotten}"

"""Image files below one folder, found by the names that a table gives them."""

import os
import posixpath
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2

from dataset.files.links import Links, WrongLink
from dataset.files.walk import Walk
from utils.errors import DataError, closest
from utils.on_disk import on_disk

# Of every kind that is decoded. A float image's values are cut off at 255, so who has some should know it.
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".jp2"),
    *(".jpe", ".jfif", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".sr", ".ras", ".hdr", ".pic", ".npy"),
)
_SHOWN = 8


class NoImage(ValueError):
    """A name that is not one of a file."""


class _Folder(NamedTuple):
    """A folder below that of the images, as it was when it was listed."""

    path: str  # relative to the root, with a slash at the end
    names: dict[str, str]  # on disk, by composed name
    there: frozenset[str]  # names on disk
    plain: frozenset[str]  # those of files that are no links
    problem: str  # why nothing in it may be used: it is a link that is not followed

    def spelt(self, name: str) -> str:
        """Return how a name is spelt on disk; nothing: it is not there."""
        return name if name in self.there else self.names.get(unicodedata.normalize("NFC", name), "")


class ImageFolder:
    """A folder inside the data folder; each of its subfolders is listed once.

    Args:
        root: the data folder.
        name: of the folder in it.
        follow_links: whether links may lead out of the data folder.
        section: of the config, for messages.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(
        self, root: Path, name: str, *, follow_links: bool = False, section: str = "dataset"
    ) -> None:
        self.root, self.path, self.section = root, on_disk(root / name), section
        check_folder(root, self.path, section)
        self.links = Links.of(root, self.path, follow=follow_links, section=section)
        self._listed: dict[str, _Folder] = {}  # by its path below this one, as it was asked for
        self._meant: dict[str, dict[str, str]] = {}  # by folder: names by what may be written for them

    def find(self, name: str) -> str:
        """Return the file of that name, relative to the root and as it is spelt on disk.

        Raises:
            NoImage: there is none, or it would be outside of the folder.
            WrongLink: it is a link that is not followed.
        """
        above, _, last = name.rpartition("/")
        folder = self._listing(above)
        # A Korean name may be spelt in two ways (composed, or decomposed by a Mac's archive).
        spelt = folder.spelt(last)
        if not folder.problem and spelt in folder.plain:
            return folder.path + spelt
        return self._find_slowly(name)

    def walk(self) -> Walk:
        """Return every file below the folder, and what is left out or wrong there."""
        return Walk.of(self.path, self.links)

    def names(self) -> list[str]:
        """Return the names of all files that a table may mean, relative to the folder."""
        return [file.name for file in self.walk().files]

    def _find_slowly(self, name: str) -> str:
        """Return the same of what is a link, or is written in another way, or is not there."""
        plain = posixpath.normpath(name.lstrip("/")) if name else "."
        if plain in (".", "..") or plain.startswith("../"):
            raise NoImage(f"{name!r} is not a file inside {self.path}")

        above, _, last = plain.rpartition("/")
        folder = self._listing(above)
        if folder.problem:
            raise WrongLink(folder.problem)

        spelt = folder.spelt(last)
        path = self.path / plain
        if spelt:
            path = self.root / f"{folder.path}{spelt}"
            there = self.links.target(path) if path.is_symlink() else path
            if there.is_file():
                return f"{folder.path}{spelt}"
            what = "a folder" if there.is_dir() else "neither a file nor a folder"
            raise NoImage(f"there is no image {path}: it is {what}")
        raise NoImage(f"there is no image {path}{self._hint(above, last)}")

    def _listing(self, below: str) -> _Folder:
        if below not in self._listed:
            self._listed[below] = self._list(below)
        return self._listed[below]

    def _list(self, below: str) -> _Folder:
        """Return a folder by its path below this one; one that is not there is empty."""
        if not below:
            return _entries(self.path, _as_folder(self.path, self.root), "")

        above, _, last = below.rpartition("/")
        parent = self._listing(above)
        spelt = parent.spelt(last)
        if not spelt or parent.problem:
            return _Folder("", {}, frozenset(), frozenset(), parent.problem)

        path = self.root / f"{parent.path}{spelt}"
        problem = ""
        try:
            if path.is_symlink():
                self.links.target(path)
        except WrongLink as error:
            problem = str(error)
        return _entries(path, f"{parent.path}{spelt}/", problem)

    def _hint(self, above: str, last: str) -> str:
        """Return what a name without its extension, or with another one or capitals, was meant to be."""
        if above not in self._meant:
            known = self._listing(above).names
            stems = {Path(name).stem.casefold(): name for name in known}
            self._meant[above] = stems | {name.casefold(): name for name in known}
        wanted = unicodedata.normalize("NFC", last).casefold()
        stem = stem_of(wanted)
        name = self._meant[above].get(wanted, "") or self._meant[above].get(stem, "")
        if not name:
            return ""
        forgotten = (
            "" if stem != wanted or name.casefold() == wanted else f" (extension = {Path(name).suffix})"
        )
        return f". Did you mean {name!r}?{forgotten}"


def stem_of(name: str) -> str:
    """Return a name without its ending, if that is one of an image."""
    stem, suffix = posixpath.splitext(name)
    return stem if suffix.lower() in SUFFIXES else name


def is_image(path: Path) -> bool:
    """Return whether a file is an image by its ending; one with another ending by how it begins."""
    return path.suffix.lower() in SUFFIXES or cv2.haveImageReader(str(path))


def no_image(path: Path) -> str:
    """Return in words that a file is none."""
    shown, more = ", ".join(SUFFIXES[:_SHOWN]), len(SUFFIXES) - _SHOWN
    return f"{path} is not one of {shown} or {more} other kinds of image"


def check_folder(root: Path, path: Path, section: str) -> None:
    """Raise a DataError unless there is such a folder of images; says which there are."""
    if path.is_dir():
        return
    if path.is_symlink():
        raise DataError(f"{path} is a link to {path.readlink()}, where there is no folder.")
    if path.exists():
        raise DataError(f"{path} is a file, not a folder. Is it an archive that has to be unpacked?")
    here = path.parent if path.parent.is_dir() else root
    folders = sorted(_folders(here)) if here.is_dir() else []
    below = "" if here == root else f"{here.relative_to(root).as_posix()}/"
    near = closest(path.name, folders) or next((name for name in folders if path.name in name), None)
    hint = f" Did you mean images = {below}{near} in [{section}]?" if near else ""
    there = f" Folders in {here}: {', '.join(folders[:20])}." if folders else ""
    raise DataError(f"There is no folder {path}.{hint}{there} Is PODIUM_DATA (or data in [paths]) right?")


def _folders(path: Path) -> Iterator[str]:
    try:
        with os.scandir(path) as entries:
            yield from (entry.name for entry in entries if entry.is_dir() and entry.name[0] != ".")
    except OSError:
        return


def _as_folder(path: Path, root: Path) -> str:
    return (path / "_").relative_to(root).as_posix()[:-1]


def _entries(path: Path, written: str, problem: str) -> _Folder:
    names: dict[str, str] = {}
    there: list[str] = []
    plain: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                there.append(entry.name)
                names[unicodedata.normalize("NFC", entry.name)] = entry.name
                if entry.is_file(follow_symlinks=False):
                    plain.append(entry.name)
    except OSError:  # it is no folder
        pass
    return _Folder(written, names, frozenset(there), frozenset(plain), problem)

"""Image files below one folder, found by the names that a table gives them."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from utils.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


class ImageFolder:
    """A folder inside the data folder; each of its subfolders is listed once.

    Args:
        root: the data folder.
        name: of the folder in it.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.path = root, root / name
        if not self.path.is_dir():
            raise DataError(f"There is no folder {self.path}. Is PODIUM_DATA (or data in [paths]) right?")
        self._inside = self.path.resolve()
        self._listed: dict[Path, dict[str, str]] = {}  # by folder: names on disk by composed name
        self._meant: dict[Path, dict[str, str]] = {}  # by folder: names by what may be written for them

    def find(self, name: str) -> str:
        """Return the file of that name, relative to the root and as it is spelt on disk.

        Raises:
            ValueError: there is none, or it leads out of the folder.
        """
        # A Korean name may be spelt in two ways (composed, or decomposed by a Mac's archive).
        path = Path(f"{self.path}/{name}")
        on_disk = self._listing(path.parent).get(unicodedata.normalize("NFC", path.name))
        file = path.parent / on_disk if on_disk else path
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

    def _listing(self, folder: Path) -> dict[str, str]:
        if folder not in self._listed:
            try:
                entries = [entry.name for entry in folder.iterdir()]
            except OSError:
                entries = []
            self._listed[folder] = {unicodedata.normalize("NFC", name): name for name in sorted(entries)}
        return self._listed[folder]

    def _hint(self, path: Path) -> str:
        """Return what a name without its extension, or with other capitals, was meant to be."""
        if path.parent not in self._meant:
            known = self._listing(path.parent)
            stems = {Path(name).stem.casefold(): name for name in known}
            self._meant[path.parent] = stems | {name.casefold(): name for name in known}
        wanted = unicodedata.normalize("NFC", path.name).casefold()
        name = self._meant[path.parent].get(wanted, "")
        if not name:
            return ""
        forgotten = "" if name.casefold() == wanted else f" (extension = {Path(name).suffix})"
        return f". Did you mean {name!r}?{forgotten}"

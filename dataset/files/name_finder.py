"""Finds the file of each name in a table, as the config says; where nearly no name is one, says why."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path, PurePosixPath

from dataset.files.image_folder import SUFFIXES, ImageFolder, stem_of
from dataset.files.links import WrongLink
from dataset.files.name_repair import NameRepair, RepairedNames
from dataset.files.name_search import NEARLY_ALL, Repair, search
from utils.errors import DataError
from utils.tables import Table

ANY = "any"
_MOST_FOLDERS = 100  # that are looked into for the images
_SHOWN = 3


class NameFinder:
    """The files of a folder by their names in a table.

    Args:
        folder: of the images.
        extension: what the names lack; ``any``: whatever ending of an image the file has, also instead of
            the one in the table.
        repairs: of the names; a name that is one of a file as it is needs none.
    """

    def __init__(
        self, folder: ImageFolder, extension: str | None = None, repairs: Sequence[NameRepair] = ()
    ) -> None:
        self.folder = folder
        self.given = extension
        self.extension = "" if extension in (None, ANY) else _with_dot(extension or "")
        self.repairs = (*repairs, *[NameRepair("ending")] * (extension == ANY))

    def find(self, name: str) -> str:
        """Return the file that a name means, relative to the data folder.

        Raises:
            ValueError: there is none, or it can't be told, or it leads out of the folder.
        """
        whole = name + self.extension if name else ""
        try:
            return self.folder.find(whole)
        except WrongLink:
            raise
        except ValueError:
            if not self.repairs or not name:
                raise
        return self.folder.find(self._repaired.find(whole))

    @cached_property
    def _repaired(self) -> RepairedNames:
        return RepairedNames(self._files, self.repairs)

    @cached_property
    def _files(self) -> list[str]:
        return self.folder.names()

    def forgotten_ending(self, names: Sequence[str]) -> "NameFinder | None":
        """Return what finds names that all lack nothing but an ending of an image, or None."""
        if self.given is not None or self.repairs or not names:
            return None
        if any(stem_of(name) != name for name in names):
            return None
        ending = NameFinder(self.folder, ANY)
        names_of = RepairedNames(self._files, ending.repairs)
        return ending if all(names_of.get(name) for name in names) else None

    def explain(self, table: Table, column: str, wrong: int, where: Path) -> None:
        """Raise a DataError that says why the names of a table are not those of files, if one cause does.

        Args:
            column: the one that names the images.
            wrong: how many of these name no file.
            where: the table's file.
        """
        columns = {name: table.column(name) for name in table.columns}
        if advice := self.advice(columns, column, wrong):
            raise DataError(f"{where}: {advice}")

    def advice(self, columns: Mapping[str, Sequence[str]], column: str, wrong: int) -> str:
        """Return why hardly a row names a file, and the lines for the config with which nearly all do.

        Args:
            columns: the table's values by column, in the order of its rows.
            column: the one that names the images.
            wrong: how many of these name no file.

        Returns:
            "" where so few rows are wrong that each has its own reason.
        """
        names = columns[column]
        nearly_all = wrong >= NEARLY_ALL * len(names)
        other = self.other_column(columns, column) if nearly_all else None
        helps = ""
        if other is not None:
            helps = self._lines({"image_column": other}, self._right(columns[other]), names)
        helps = helps or self._repair(names, wrong) or (self._other_folder(names) if nearly_all else "")
        if not helps and not (nearly_all and wrong >= _SHOWN):
            return ""
        shown = ", ".join(repr(name) for name in names[:_SHOWN])
        head = f"{wrong} of {len(names)} rows name no file in {self.folder.path} (the table says {shown})."
        return f"{head} {helps or self._what_is_there()}"

    def other_column(self, columns: Mapping[str, Sequence[str]], column: str) -> str | None:
        """Return another column of a table that names the images."""
        for other, values in columns.items():
            if other != column and self._right(values) >= NEARLY_ALL * len(values):
                return other
        return None

    def _repair(self, names: Sequence[str], wrong: int) -> str:
        if self.repairs:
            return ""
        if self.given is not None and set(self._files) >= set(names):
            return self._lines({"extension": "none"}, len(names), names)
        cause = search(names, self._files)
        if cause is None or cause.right - (len(names) - wrong) < NEARLY_ALL * wrong:
            return ""
        right, keys = cause.right, self._keys(cause, names)
        return self._lines(keys, right, names, f" (then {cause.cell!r} is {cause.file})")

    def _keys(self, cause: Repair, names: Sequence[str]) -> dict[str, str]:
        """Return what to write so that these repairs are made."""
        keys = {}
        repairs = [repair for repair in cause.repairs if repair.kind != "ending"]

        folders = {PurePosixPath(file).parent for file in self._files}
        if NameRepair("deeper") in repairs and len(folders) == 1:
            repairs.remove(NameRepair("deeper"))
            keys["images"] = (self.folder.path / folders.pop()).relative_to(self.folder.root).as_posix()
        if repairs:
            keys["repair_names"] = ", ".join(map(str, repairs))

        # Files of one kind: naming it is shorter, and refuses what has another ending.
        if NameRepair("ending") in cause.repairs:
            endings = {PurePosixPath(file).suffix for file in self._files}
            bare = all(stem_of(name) == name for name in names)
            keys["extension"] = endings.pop() if bare and len(endings) == 1 else ANY
        elif self.given is not None:
            keys["extension"] = "none"
        return keys

    def _other_folder(self, names: Sequence[str]) -> str:
        """Return which other folder of the data has these files."""
        root, candidates = self.folder.root, list[tuple[int, str, str]]()
        everything = ImageFolder(root, ".", section=self.folder.section).names()
        paths = [PurePosixPath(name) for name in everything if name.casefold().endswith(SUFFIXES)]
        folders = dict.fromkeys(above.as_posix() for path in paths for above in path.parents)

        nearest = sorted(folders, key=lambda folder: -_alike(folder, self.folder.path.name))
        for folder in nearest[:_MOST_FOLDERS]:
            inside = ImageFolder(root, folder, section=self.folder.section)
            if inside.path == self.folder.path:
                continue
            for extension in (self.given, ANY):
                right = NameFinder(inside, extension)._right(names)
                if right >= NEARLY_ALL * len(names):
                    candidates.append((right, folder, extension or ""))
                    break

        if not candidates:
            return ""
        right, folder, extension = max(candidates, key=lambda candidate: candidate[0])

        keys = {"images": folder} | ({"extension": extension} if extension != (self.given or "") else {})
        others = ", ".join(other for _, other, _ in candidates if other != folder)
        return self._lines(
            keys, right, names, f" (files of these names are in {others} too)" if others else ""
        )

    def _right(self, names: Sequence[str]) -> int:
        """Return how many names mean a file."""
        right = 0
        for number, name in enumerate(names):
            try:
                self.find(name)
            except ValueError:
                if number == _SHOWN and not right:
                    return 0
                continue
            right += 1
        return right

    def _lines(self, keys: Mapping[str, str], right: int, names: Sequence[str], example: str = "") -> str:
        lines = "".join(f"\n    {key} = {value}" for key, value in keys.items())
        return f"{right} of {len(names)} do{example} with this in [{self.folder.section}]:{lines}"

    def _what_is_there(self) -> str:
        files = self._files
        if not files:
            return "There is no file in it: are the images elsewhere, or not unpacked yet?"
        shown = ", ".join(repr(name) for name in files[:_SHOWN])
        return (
            f"The {len(files)} file(s) there are such as {shown}: see images, image_column, extension and "
            f"repair_names in [{self.folder.section}]."
        )


def _alike(folder: str, name: str) -> float:
    return SequenceMatcher(None, folder.rpartition("/")[2], name).ratio()


def _with_dot(extension: str) -> str:
    """Return an ending as files have it: ``png`` is ``.png``."""
    return f".{extension}" if f".{extension}".lower() in SUFFIXES else extension

"""The folder of each person's photos, and why the names in a table may be none of these."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dataset.files.image_folder import check_folder
from dataset.files.left_behind import is_left_behind
from dataset.files.links import Links
from dataset.files.name_repair import KINDS, NameRepair, RepairedNames
from dataset.files.name_search import NEARLY_ALL, search
from utils.errors import DataError
from utils.on_disk import on_disk
from utils.tables import Row
from utils.texts import comparable

_KINDS = tuple(kind for kind in KINDS if kind not in ("ending", "deeper"))  # what a folder's name may lack
_MOST_FOLDERS = 1000  # that are looked into for those of the people
_DEEPEST = 3
_SHOWN = 3


class ProfileFolders:
    """The folders in a folder of the data.

    Args:
        root: the data folder.
        images: the folder in it that has a folder for each person.
        follow_links: whether links may lead out of the data folder.

    Attributes:
        names: on disk, by composed name: a Korean one may be spelt in two ways, and one is used.
        left_out: what systems left there.
    """

    def __init__(self, root: Path, images: str, *, follow_links: bool) -> None:
        self.root, self.path = root, on_disk(root / images)
        check_folder(root, self.path, "dataset")
        self.links = Links.of(root, self.path, follow=follow_links, section="dataset")
        self.left_out: list[str] = []
        self.names: dict[str, str] = {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                if is_left_behind(entry.name):
                    self.left_out.append(entry.name)
                elif entry.is_dir() or (entry.is_symlink() and not entry.is_file()):  # one may be broken
                    self.names[comparable(entry.name)] = entry.name

    def named(self, rows: Sequence[Row], repairs: Sequence[NameRepair], where: Path) -> list[Row]:
        """Return rows of which ``path`` is the name of a folder, after the repairs that a config asks for.

        Raises:
            DataError: hardly one names a folder; says the one cause, if there is one.
        """
        folders = RepairedNames(self.names, repairs)
        cells = [row["path"] for row in rows]

        if repairs:
            cells = [cell if cell in self.names else folders.get(cell) or cell for cell in cells]

        lost = sum(comparable(cell) not in self.names for cell in cells)
        if lost >= NEARLY_ALL * len(rows) and lost >= _SHOWN:
            shown = ", ".join(repr(cell) for cell in cells[:_SHOWN])
            raise DataError(
                f"{where}: {lost} of {len(rows)} rows name no folder in {self.path} (the table says "
                f"{shown}). {self._advice(cells, repaired=bool(repairs))}"
            )

        return [
            row if cell == row["path"] else replace(row, values={**row.values, "path": cell})
            for row, cell in zip(rows, cells, strict=True)
        ]

    def _advice(self, cells: list[str], *, repaired: bool) -> str:
        cause = None if repaired else search(cells, list(self.names), _KINDS)
        if cause is not None:
            repairs = ", ".join(map(str, cause.repairs))
            return (
                f"{cause.right} of {len(cells)} do (then {cause.cell!r} is {cause.file}) with this in "
                f"[dataset]:\n    repair_names = {repairs}"
            )

        wanted, best = set(cells), (0, "")
        for folder in _folders_below(self.root):
            right = len(wanted & set(_names(folder)))
            best = max(best, (right, folder.relative_to(self.root).as_posix()))
        if best[0] >= NEARLY_ALL * len(wanted):
            return f"{best[0]} of {len(wanted)} do with this in [dataset]:\n    images = {best[1]}"

        there = ", ".join(repr(name) for name in sorted(self.names)[:_SHOWN])
        return (
            f"The {len(self.names)} folder(s) there are such as {there or 'none'}: see images in [dataset]."
        )


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [comparable(entry.name) for entry in entries if entry.is_dir()]
    except OSError:
        return []


def _folders_below(root: Path) -> list[Path]:
    """Return the data folder and some of those below it, level by level."""
    folders, level = [root], [root]
    for _ in range(_DEEPEST):
        level = [folder / name for folder in level for name in sorted(_names(folder))]
        folders += level
        if len(folders) > _MOST_FOLDERS:
            break
    return folders[:_MOST_FOLDERS]

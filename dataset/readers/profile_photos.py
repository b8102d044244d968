"""The photos of each person: those that a folder must have, and what is wrong with it."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from dataset.files.image_folder import SUFFIXES
from dataset.files.left_behind import is_left_behind, left_out_line
from dataset.files.links import WrongLink
from dataset.readers.profile_folders import ProfileFolders
from utils.tables import Row

log = logging.getLogger("podium")
PHOTOS = ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")


@dataclass(slots=True)
class PersonPhotos:
    """A row of the table, its photos, and what is wrong with either."""

    row: Row
    photos: dict[str, str] = field(default_factory=dict)  # {photo name: file relative to the root}
    problems: list[str] = field(default_factory=list)
    miscorrected: list[str] = field(default_factory=list)  # the relabel file's fault, not the row's

    @property
    def profile(self) -> str:
        """The folder's name: the only thing that tells two people with one id apart."""
        return self.row["path"]


def find_photos(people: list[PersonPhotos], folders: ProfileFolders, clashes: Mapping[str, str]) -> list[str]:
    """Fill each person's photos and problems; return the folders that no row names."""
    images, spelt = folders.path, folders.names

    for person in people:
        profile, line = person.profile, person.row.line
        if not profile or Path(profile).name != profile or profile in (".", ".."):
            person.problems.append(f"{line}: path {profile!r} is not a folder's name inside {images}")
        elif profile not in spelt:
            person.problems.append(f"{line}: there is no folder {images / profile}")
        elif line in clashes:
            person.problems.append(f"{line}: path {clashes[line]}")
        else:
            _read_folder(person, folders)

    if folders.left_out:
        log.info(left_out_line(folders.left_out, folders.path))
    named = {person.profile for person in people}
    return [
        f"{images / name}: no row of the table names this folder" for name in sorted(spelt.keys() - named)
    ]


def photo_of(name: str) -> str:
    """Return which photo a file is, by its name."""
    return PurePath(name).stem.lower()


def _read_folder(person: PersonPhotos, folders: ProfileFolders) -> None:
    line, folder = person.row.line, folders.path / folders.names[person.profile]
    below = folder.relative_to(folders.root).as_posix()

    try:
        if folder.is_symlink():
            folders.links.target(folder)
        with os.scandir(folder) as entries:
            files = sorted(entries, key=lambda entry: entry.name)
    except WrongLink as error:
        person.problems.append(f"{line}: {error}")
        return
    except OSError as error:
        person.problems.append(f"{line}: {folder} can't be read: {error.strerror}")
        return

    for file in files:
        if is_left_behind(file.name):
            folders.left_out.append(f"{below}/{file.name}")
            continue
        try:
            target = folders.links.target(Path(file)) if file.is_symlink() else None
        except WrongLink as error:
            person.problems.append(f"{line}: {error}")
            continue
        if not (file.is_dir() if target is None else target.is_dir()):
            _add_photo(person, folder, below, file.name)

    missing = [photo for photo in PHOTOS if photo not in person.photos]
    if missing:
        person.problems.append(f"{line}: {folder} has no {', '.join(missing)}")


def _add_photo(person: PersonPhotos, folder: Path, below: str, name: str) -> None:
    line, photo = person.row.line, photo_of(name)
    if PurePath(name).suffix.lower() not in SUFFIXES or photo not in PHOTOS:
        person.problems.append(
            f"{line}: {folder / name} is not one of {', '.join(PHOTOS)} with {', '.join(SUFFIXES[:3])}, ..."
        )
    elif photo in person.photos:
        person.problems.append(f"{line}: {folder} has two photos named {photo}")
    else:
        person.photos[photo] = f"{below}/{name}"

"""Any competition with a folder of images for each class."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from dataset.files.image_folder import ImageFolder, is_image, no_image
from dataset.files.left_behind import is_left_behind, left_out_line
from dataset.readers.base import DATASETS, BaseDataset
from dataset.readers.deal import deal
from dataset.readers.facts import check_facts
from dataset.readers.fold_table import read_folds
from dataset.tasks.base import LABELS, Marked, Task
from dataset.tasks.label_doubts import FEWEST, MANY, look_alike
from dataset.tasks.labels import in_order, labels_fact
from utils.convert import CountOrZero, Interval
from utils.errors import DataError, listed
from utils.printable import printable
from utils.shortened import listing
from utils.texts import comparable

log = logging.getLogger("podium")
_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing", "eval"}  # of a data set


@DATASETS.register
class FolderDataset(BaseDataset):
    """The class of an image is the folder that it is in: ``train/daisy/1.jpg`` (or deeper below it).

    Args:
        images: the folder that has one folder for each class.
        folds: how many parts the images are dealt into.
        fold_table: instead of that: a CSV (group, fold), such as the split.csv of a run.
        valid_fold: the part that validates, from 0.
        follow_links: whether links may lead out of the data folder.
        on_bad_file: ``skip`` leaves out each file that is no image and names it in the log.

    Raises:
        DataError: lists every file at fault.
    """

    def __init__(
        self,
        *,
        root: Path,
        task: Task,
        seed: int,
        images: str = "train",
        folds: Annotated[int, Interval(2)] = 5,
        fold_table: Path | None = None,
        valid_fold: CountOrZero = 0,
        follow_links: bool = False,
        on_bad_file: Literal["error", "skip"] = "error",
    ) -> None:
        folder = ImageFolder(root, images, follow_links=follow_links)
        check_facts(task, ("folder", "file", LABELS), f"{folder.path}", "")
        names, problems, left_out = _contents(folder)

        files: list[str] = []
        labels: list[Marked] = []
        trained: list[Marked | None] = []

        for name in names:
            file = folder.find(name)
            label = comparable(name.partition("/")[0])
            facts = {"folder": label, "file": comparable(file)} | labels_fact([label])
            try:
                marked = task.encode(facts)
                trained.append(task.encode_for_training(facts))
            except ValueError as error:
                problems.append(str(error))
                continue
            files.append(file)
            labels.append(marked)

        if left_out:
            log.info(left_out_line(left_out, folder.path))
        problems += _spelt_alike(files)
        if on_bad_file == "error":
            _refuse(folder, problems)

        groups = [comparable(file) for file in files]  # no two images belong together
        super().__init__(
            root=root,
            files=files,
            groups=groups,
            folds=read_folds(fold_table, groups)
            if fold_table
            else deal(task, labels, groups, folds, seed, stratified=True),
            valid_fold=valid_fold,
            task=task,
            labels=labels,
            train_labels=trained,
            skipped=problems,
            notes=_doubts(files, folder),
        )

    @classmethod
    def label_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Return the names of the folders that hold an image, sorted."""
        folder = ImageFolder(arguments["root"], arguments["images"], follow_links=arguments["follow_links"])
        names, problems, _ = _contents(folder)
        if arguments["on_bad_file"] == "error":
            _refuse(folder, problems)  # one of them may be all of a class
        _check_classes(folder, names)
        return in_order(comparable(name.partition("/")[0]) for name in names)


def _contents(folder: ImageFolder) -> tuple[list[str], list[str], list[str]]:
    """Return the names of the images of classes, what is wrong with the others, and what is none.

    Raises:
        DataError: no image is in a folder.
    """
    walk = folder.walk()
    again, names, problems = walk.again(), [], list(walk.problems)

    stray = [file.name for file in walk.files if "/" not in file.name]
    if len(stray) == len(walk.files) > 0 and not problems:
        raise DataError(
            f"{folder.path} has {len(stray)} file(s), such as {stray[0]}, and no folder with images, but "
            "FolderDataset needs one for each class. For a table of labels take CsvDataset."
        )

    for name in (file.name for file in walk.files):
        path = folder.path / name
        if "/" not in name:
            problems.append(f"{path} is in no class's folder")
        elif not is_image(path):
            problems.append(no_image(path))
        elif name in again:
            problems.append(f"{path} is the same file as {folder.path / again[name]}, by a link")
        else:
            names.append(name)
    return names, problems, walk.left_out


def _spelt_alike(files: Sequence[str]) -> list[str]:
    """Return what is wrong with files whose names differ in nothing that is compared."""
    alike: dict[str, list[str]] = {}
    for file in files:
        alike.setdefault(comparable(file), []).append(file)
    return [
        f"{len(several)} files are called {name!r}, if letters are composed and blanks removed: rename them"
        for name, several in alike.items()
        if len(several) > 1
    ]


def _doubts(files: Sequence[str], folder: ImageFolder) -> list[str]:
    """Return what is odd about the classes, a line each."""
    below = len(folder.path.relative_to(folder.root).parts)
    labels = {comparable(PurePosixPath(file).parts[below]) for file in files}
    doubts = look_alike(labels)
    if empty := [name for name in _folders(folder.path) if comparable(name) not in labels]:
        doubts.append(
            f"{folder.path}: no image is used in {printable(listing(empty))}: no class is made of it."
        )
    if len(files) >= FEWEST and len(labels) >= MANY * len(files):
        doubts.append(
            f"There are {len(labels)} class folders for {len(files)} images in {folder.path}: hardly any two "
            "images have a class in common. If a folder is a person or a thing instead, write a table with a "
            "row for each image and name = CsvDataset in [dataset]."
        )
    return doubts


def _folders(path: Path) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not is_left_behind(entry.name))


def _refuse(folder: ImageFolder, problems: list[str]) -> None:
    if problems:
        hint = "\nMove them away, or set on_bad_file = skip in [dataset] to leave them out."
        raise DataError(listed(str(folder.path), problems) + hint)


def _check_classes(folder: ImageFolder, names: list[str]) -> None:
    """Raise a DataError where what should be classes are parts of the data, or one folder above them."""
    below: dict[str, set[str]] = {}
    for name in names:
        label, *deeper = name.split("/")
        below.setdefault(label, set()).update(deeper[:1] if len(deeper) > 1 else ())
    parts = [label for label in below if len(below[label]) > 1]
    if not parts or not (len(below) == 1 or below.keys() <= _PARTS):
        return

    inside = "" if folder.path == folder.root else f"{folder.path.relative_to(folder.root).as_posix()}/"
    part = next((name for name in parts if "train" in name.casefold()), parts[0])
    shown = ", ".join(sorted(below[part])[:5])
    raise DataError(
        f"The folders with images in {folder.path} are {', '.join(below)}, which would be the classes, and "
        f"in {part} there are {shown}. If these are the classes, set images = {inside}{part} in "
        "[dataset]."
    )

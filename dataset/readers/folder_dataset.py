"""Any competition with a folder of images for each class."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from dataset.base_dataset import DATASETS, BaseDataset, deal
from dataset.facts import check_facts
from dataset.files import SUFFIXES, ImageFolder
from dataset.fold_table import read_folds
from dataset.label_doubts import FEWEST, MANY, look_alike
from dataset.labels import in_order, labels_fact
from dataset.task import LABELS, Marked, Task
from utils.convert import CountOrZero, Interval
from utils.errors import DataError, listed
from utils.texts import comparable


@DATASETS.register
class FolderDataset(BaseDataset):
    """The class of an image is the folder that it is in: ``train/daisy/1.jpg`` (or deeper below it).

    Args:
        images: the folder that has one folder for each class.
        folds: how many parts the images are dealt into.
        fold_table: instead of that: a CSV (group, fold), such as the split.csv of a run.
        valid_fold: the part that validates, from 0.
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
        on_bad_file: Literal["error", "skip"] = "error",
    ) -> None:
        folder = ImageFolder(root, images)
        check_facts(task, ("folder", "file", LABELS), f"{folder.path}", "")
        files: list[str] = []
        labels: list[Marked] = []
        trained: list[Marked | None] = []
        problems = []
        for path in folder.walk():
            try:
                file, facts = _facts(path, folder)
                marked = task.encode(facts)
                trained.append(task.encode_for_training(facts))
            except ValueError as error:
                problems.append(str(error))
                continue
            files.append(file)
            labels.append(marked)
        problems += _spelt_alike(files)
        if problems and on_bad_file == "error":
            hint = "\nMove them away, or set on_bad_file = skip in [dataset] to leave them out."
            raise DataError(listed(str(folder.path), problems) + hint)
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
        folder = ImageFolder(arguments["root"], arguments["images"])
        inside = [path.relative_to(folder.path).parts for path in folder.walk() if _is_image(path)]
        return in_order(comparable(parts[0]) for parts in inside if len(parts) > 1)


def _facts(path: Path, folder: ImageFolder) -> tuple[str, dict[str, str]]:
    """Return a file relative to the root, and what its place says of it.

    Raises:
        ValueError: it is no image of a class.
    """
    inside = path.relative_to(folder.path)
    if len(inside.parts) < 2:
        raise ValueError(f"{path} is in no class's folder")
    if not _is_image(path):
        raise ValueError(f"{path} is not one of {', '.join(SUFFIXES)}")
    file, label = folder.find(inside.as_posix()), comparable(inside.parts[0])
    return file, {"folder": label, "file": comparable(file)} | labels_fact([label])


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
    found = look_alike(labels)
    if len(files) >= FEWEST and len(labels) >= MANY * len(files):
        found.append(
            f"There are {len(labels)} class folders for {len(files)} images in {folder.path}: hardly any two "
            "images have a class in common. If a folder is a person or a thing instead, write a table with a "
            "row for each image and name = CsvDataset in [dataset]."
        )
    return found


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES

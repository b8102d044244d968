"""The rows of a CSV as images: each with its file and labels, and what is wrong with it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.files.image_folder import NoImage
from dataset.files.name_finder import NameFinder
from dataset.readers.cases import CaseImage, contradictions
from dataset.readers.csv_layout import Layout
from dataset.readers.features import Features, FeatureTable
from dataset.readers.fold_table import wrong_fold
from dataset.readers.relabel import Corrections, read_corrections
from dataset.tasks.base import Marked, Task
from utils.doubles import keep_one
from utils.errors import DataError, listed
from utils.tables import Row, Table
from utils.texts import comparable


class CsvImage:
    """A row, its file and labels, and what is wrong with it."""

    def __init__(self, row: Row, name: str) -> None:
        self.row, self.name, self.file = row, name, ""
        self.group, self.case, self.number = "", "", 0
        self.true: Marked = {}
        self.trained: Marked | None = None
        self.problems: list[str] = []
        self.miscorrected: list[str] = []  # the relabel file's fault, not the row's


def find_images(
    table: Table, layout: Layout, finder: NameFinder, *, skip: bool, where: Path
) -> tuple[list[CsvImage], list[str]]:
    """Return the images, of equal rows one, and a line for each row that was left out."""
    column = layout.image or ""
    doubles = keep_one(table.rows, lambda row: row[column])
    images = [CsvImage(row, row[column]) for row in doubles.rows]
    lost = 0  # rows without a file

    for image in images:
        line = image.row.line
        try:
            if line in doubles.clashes:
                raise ValueError(doubles.clashes[line])
            image.file = finder.find(image.name)
            if layout.group and not image.row[layout.group]:
                raise ValueError(f"there is nothing in column {layout.group!r}")
        except ValueError as error:
            image.problems.append(f"{line}: {error}")
            lost += isinstance(error, NoImage)

    # All at once, where they have one cause.
    if lost and (lost == len(images) or not skip):
        finder.explain(table, layout.image or "", lost, where)

    files_of = Counter(image.file for image in images if image.file)
    for image in images:
        if files_of[image.file] > 1:
            image.problems.append(f"{image.row.line}: {image.file} is another row's image as well")
    return images, doubles.notes


def group_of(image: CsvImage, column: str | None, folders: bool) -> str:
    if column:
        return image.row[column]
    return comparable(PurePosixPath(image.file).parent.as_posix() if folders else image.file)


def columns_of(images: Sequence[CsvImage], features: FeatureTable | None, *, cases: bool) -> dict[str, Any]:
    """Return what a data set's table has of each image, by the argument that it is.

    Args:
        features: of all rows, by their numbers.
    """
    columns: dict[str, Any] = {"files": [image.file for image in images]}
    columns["train_labels"] = [image.trained for image in images]
    columns["facts"] = [image.row.values for image in images]
    if cases:
        columns["cases"] = [image.case for image in images]
    if features is not None:
        columns["features"] = features.at([image.number for image in images])
    return columns


def seen_features(images: Sequence[CsvImage], columns: Features | None, table: Table) -> FeatureTable | None:
    """Return what a model sees of images beside their pixels; each gets its number, and what is wrong there.

    Args:
        table: the whole one, in which it is found what the columns hold.
    """
    if columns is None:
        return None
    if not columns.known:
        columns = columns.found_in([(row.line, row.values) for row in table.rows])
    features, wrong = columns.table([image.row.values for image in images])
    for number, image in enumerate(images):
        image.number = number
        image.problems += [f"{image.row.line}: {problem}" for problem in wrong.get(number, ())]
    return features


def corrections_of(relabel: Path | None, images: list[CsvImage], fields: Sequence[str]) -> Corrections:
    if relabel is None:
        return {}
    known = {name: [name] for image in images for name in (image.name, image.case) if name}
    return read_corrections(relabel, known, fields, whose="image")


def say_whose(images: Sequence[CsvImage], group: str | None, case: str | None, *, folders: bool) -> None:
    """Fill whose each image is, and of which case.

    Args:
        group: the column that says whose it is; none = its case, or else the image is its own group.
        case: the column that says of which case it is.
        folders: images in one folder belong together.
    """
    for image in images:
        image.case = image.row[comparable(case)] if case else ""
        image.group = group_of(image, group or (case if not folders else None), folders)
        if case and not image.case:
            image.problems.append(f"{image.row.line}: there is nothing in column {case!r}")


def check_cases(images: Sequence[CsvImage], task: Task) -> None:
    """Tell each image why there can't be one answer about its case."""
    usable = [image for image in images if image.case and not image.problems]
    problem_of = contradictions(
        [CaseImage(image.case, image.row.line, image.true, image.group) for image in usable], task
    )
    for image in usable:
        image.problems += [problem_of[image.case]] if image.case in problem_of else []


def label_images(images: list[CsvImage], layout: Layout, task: Task, corrections: Corrections) -> None:
    """Fill each image's labels, and in what is wrong with its row."""
    for image in images:
        values, of_case = dict(image.row.values), corrections.get(image.case, {})
        try:
            image.true = task.encode(layout.facts(values))
        except ValueError as error:
            image.problems.append(f"{image.row.line}: {error}")
            continue
        try:
            image.trained = task.encode_for_training(
                layout.facts({**values, **of_case, **corrections.get(image.name, {})})
            )
        except ValueError as error:
            image.miscorrected.append(f"{image.name}: {error}")


def own_folds(images: Sequence[CsvImage], column: str) -> NDArray[np.int64]:
    wrong = [
        f"{image.row.line}: {column} = {image.row[column]!r} {problem}"
        for image in images
        if (problem := wrong_fold(image.row[column]))
    ]
    if wrong:
        raise DataError(listed("The folds", wrong))
    return np.array([int(image.row[column]) for image in images], dtype=np.int64)

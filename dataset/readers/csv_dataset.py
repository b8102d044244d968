"""Any competition with a CSV of images and labels."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dataset.files.image_folder import ImageFolder, NoImage
from dataset.files.name_finder import NameFinder
from dataset.files.name_repair import NameRepair
from dataset.readers.base import DATASETS, BaseDataset
from dataset.readers.csv_layout import Layout, Others
from dataset.readers.deal import deal
from dataset.readers.facts import check_facts
from dataset.readers.fold_table import read_folds, wrong_fold
from dataset.readers.relabel import Cell, Corrections, read_corrections
from dataset.tasks.base import Facts, Marked, Task
from dataset.tasks.cells import SPACE, Separator
from dataset.tasks.labels import in_order
from utils.convert import CountOrZero, Interval
from utils.doubles import keep_one
from utils.errors import ConfigError, DataError, listed
from utils.tables import Row, Table, read_table
from utils.texts import comparable

_INSTEAD = (
    "name its column in [dataset] label_column = ..., or write label_columns = others where there is a "
    "column of 0 and 1 for each label."
)


@DATASETS.register
class CsvDataset(BaseDataset):
    """One row for each image; its labels stand in one cell, or in a column of 0 and 1 for each label.

    A task of one's own gets every column of the row as facts, so it may also do without both.

    Args:
        table: the CSV.
        images: the folder that the names in it are relative to.
        image_column: the column with the image's file; none = the first one.
        extension: what the names lack, such as ``.jpg``; ``any``: whatever ending of an image the file has.
        repair_names: what else the names lack to be those of files, such as ``slashes, drop 2``.
        follow_links: whether links may lead out of the data folder.
        label_column: the column with the labels.
        separator: what stands between two labels in a cell: ``space``, ``comma``, another text, or ``none``
            where a cell is one label, whatever is in it.
        label_columns: the columns of 0 and 1; ``others`` = all that have no other meaning.
        group_column: whose image it is: never in training and in validation.
        group_folders: instead of such a column: images in one folder belong together.
        fold_column: the team's own folds, as whole numbers; none = images are dealt out.
        fold_table: instead of such a column: a CSV (group, fold), such as the split.csv of a run.
        folds: how many parts they are dealt into.
        valid_fold: the part that validates, from 0.
        split: ``stratified``: each part has the same share of each label; ``random``: of images only.
        relabel: a CSV of corrections (profile, field, value, reason: the image, the column with labels, such
            as a level of a hierarchy, and what should stand there), touching training only.
        on_bad_row: ``skip`` leaves out each row with a problem and names it in the log.

    Raises:
        DataError: lists every row and file at fault.
    """

    def __init__(
        self,
        *,
        root: Path,
        task: Task,
        seed: int,
        table: str = "train.csv",
        images: str = "train",
        image_column: str | None = None,
        extension: str | None = None,
        repair_names: tuple[NameRepair, ...] = (),
        follow_links: bool = False,
        label_column: str | None = None,
        separator: Separator = SPACE,
        label_columns: Others | tuple[str, ...] | None = None,
        group_column: str | None = None,
        group_folders: bool = False,
        fold_column: str | None = None,
        fold_table: Path | None = None,
        folds: Annotated[int, Interval(2)] = 5,
        valid_fold: CountOrZero = 0,
        split: Literal["stratified", "random"] = "stratified",
        relabel: Path | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        if group_column and group_folders:
            raise ValueError("group_column and group_folders can't both be given")
        if fold_column and fold_table:
            raise ValueError("fold_column and fold_table can't both be given")

        path = root / table
        layout = Layout(image_column, label_column, separator, label_columns, group_column, fold_column)
        layout, content = layout.read(path)
        finder = NameFinder(ImageFolder(root, images, follow_links=follow_links), extension, repair_names)

        images_found, doubled = _find(content, layout, finder, skip=on_bad_row == "skip", where=path)

        doubts = layout.doubts(content) if task.labels_have_names else []
        corrections = _corrections(relabel, images_found, layout.fields(content, task) if relabel else ())
        check_facts(task, layout.known(content), f"{path}", _INSTEAD)
        problems = _label(images_found, layout, task, corrections)
        # The relabel file is the team's own, so what is wrong with it is never skipped.
        if wrong := [problem for image in images_found for problem in image.miscorrected]:
            raise DataError(listed(str(relabel), wrong))

        if problems and on_bad_row == "error":
            hint = "\nMend them, or set on_bad_row = skip in [dataset] to leave these rows out."
            hint += "".join(f"\n{doubt}" for doubt in doubts)
            raise DataError(listed(str(path), problems) + hint)

        good = sorted((image for image in images_found if not image.problems), key=lambda image: image.file)
        labels = [image.true for image in good]
        groups = [_group(image, group_column, group_folders) for image in good]

        files = [image.file for image in good]
        trained = [image.trained for image in good]
        facts = [image.row.values for image in good]
        super().__init__(
            root=root,
            files=files,
            groups=groups,
            folds=_own_folds(good, fold_column)
            if fold_column
            else read_folds(fold_table, groups)
            if fold_table
            else deal(task, labels, groups, folds, seed, stratified=split == "stratified"),
            valid_fold=valid_fold,
            task=task,
            labels=labels,
            train_labels=trained,
            skipped=problems,
            notes=[*doubled, *layout.notes, *doubts],
            facts=facts,
        )
        self._layout, self._levels = layout, tuple(space for space in task.heads if space in content.columns)

    cells_are_read = True

    def facts_of(self, row: int) -> dict[str, str]:
        return self._layout.facts(super().facts_of(row))

    def cells(self, row: int, facts: Facts) -> list[Cell]:
        return self._layout.cells(self.facts_of(row), facts, self._levels)

    @classmethod
    def label_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Return the 0/1 columns in their order, or all labels that occur, sorted."""
        names = (
            "image_column", "label_column", "separator", "label_columns", "group_column", "fold_column",
        )  # fmt: skip
        layout = Layout(*(arguments[name] for name in names))
        layout, table = layout.read(arguments["root"] / arguments["table"])

        # As the organiser spells them: a submission has them so.
        if isinstance(layout.columns, tuple) and layout.columns:
            spelt = dict(zip(table.columns, table.header, strict=True))
            return tuple(spelt[name] for name in layout.columns)

        if layout.label is None:
            columns = ", ".join(map(repr, table.columns))
            raise ConfigError(
                "CsvDataset has no list of labels: write them in [task] labels = a, b, c for a task of your "
                f"own, otherwise {_INSTEAD} {arguments['table']} has {columns}."
            )

        return in_order(layout.label_names(table))

    @classmethod
    def table_rows(cls, **arguments: Any) -> list[tuple[str, Facts]]:
        table = read_table(arguments["root"] / arguments["table"], ())
        return [(row.place, {**row.values, **row.written}) for row in table.rows]


class _Image:
    """A row, its file and labels, and what is wrong with it."""

    def __init__(self, row: Row, name: str) -> None:
        self.row, self.name, self.file = row, name, ""
        self.true: Marked = {}
        self.trained: Marked | None = None
        self.problems: list[str] = []
        self.miscorrected: list[str] = []  # the relabel file's fault, not the row's


def _find(
    table: Table, layout: Layout, finder: NameFinder, *, skip: bool, where: Path
) -> tuple[list[_Image], list[str]]:
    """Return the images, of equal rows one, and a line for each row that was left out."""
    column = layout.image or ""
    doubles = keep_one(table.rows, lambda row: row[column])
    images = [_Image(row, row[column]) for row in doubles.rows]
    lost = 0  # rows without a file

    for image in images:
        line = image.row.place
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
            image.problems.append(f"{image.row.place}: {image.file} is another row's image as well")
    return images, doubles.notes


def _group(image: _Image, column: str | None, folders: bool) -> str:
    if column:
        return image.row[column]
    return comparable(PurePosixPath(image.file).parent.as_posix() if folders else image.file)


def _corrections(relabel: Path | None, images: list[_Image], fields: Sequence[str]) -> Corrections:
    if relabel is None:
        return {}
    known = {image.name: [image.name] for image in images}
    return read_corrections(relabel, known, fields, whose="image")


def _label(images: list[_Image], layout: Layout, task: Task, corrections: Corrections) -> list[str]:
    """Fill each image's labels; return what is wrong with any row."""
    for image in images:
        values = dict(image.row.values)
        try:
            image.true = task.encode(layout.facts(values))
        except ValueError as error:
            image.problems.append(f"{image.row.place}: {error}")
            continue
        try:
            image.trained = task.encode_for_training(
                layout.facts({**values, **corrections.get(image.name, {})})
            )
        except ValueError as error:
            image.miscorrected.append(f"{image.name}: {error}")
    return [problem for image in images for problem in image.problems]


def _own_folds(images: Sequence[_Image], column: str) -> NDArray[np.int64]:
    wrong = [
        f"{image.row.place}: {column} = {image.row[column]!r} {problem}"
        for image in images
        if (problem := wrong_fold(image.row[column]))
    ]
    if wrong:
        raise DataError(listed("The folds", wrong))
    return np.array([int(image.row[column]) for image in images], dtype=np.int64)

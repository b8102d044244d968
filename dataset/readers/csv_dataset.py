"""Any competition with a CSV of images and labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dataset.base_dataset import DATASETS, BaseDataset, deal
from dataset.files import ImageFolder, NoImage
from dataset.fold_table import read_folds
from dataset.labels import SPACE, Separator, in_order, labels_fact
from dataset.name_finder import NameFinder
from dataset.name_repair import NameRepair
from dataset.relabel import Cell, Corrections, read_corrections
from dataset.task import LABELS, Facts, Marked, Task
from utils.convert import CountOrZero, Interval
from utils.errors import DataError, listed
from utils.shortened import listing
from utils.tables import Row, Table, read_table

_YES = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
Others = Literal["others"]


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
        layout = _Layout(image_column, label_column, separator, label_columns, group_column, fold_column)
        layout, found = layout.read(path)
        finder = NameFinder(ImageFolder(root, images, follow_links=follow_links), extension, repair_names)
        images_found = _find(found, layout, finder, skip=on_bad_row == "skip", where=path)
        corrections: Corrections = {}
        if relabel is not None:
            known = {image.name: [image.name] for image in images_found}
            corrections = read_corrections(relabel, known, layout.fields(found, task), whose="image")
        problems = _label(images_found, layout, task, corrections)
        if relabel is not None and (wrong := [p for image in images_found for p in image.miscorrected]):
            raise DataError(listed(str(relabel), wrong))
        if problems and on_bad_row == "error":
            hint = "\nMend them, or set on_bad_row = skip in [dataset] to leave these rows out."
            raise DataError(listed(str(path), problems) + hint)
        good = sorted((image for image in images_found if not image.problems), key=lambda image: image.file)
        labels = [image.true for image in good]
        groups = [_group(image, group_column, group_folders) for image in good]
        super().__init__(
            root=root,
            files=[image.file for image in good],
            groups=groups,
            folds=_own_folds(good, fold_column)
            if fold_column
            else read_folds(fold_table, groups)
            if fold_table
            else deal(task, labels, groups, folds, seed, stratified=split == "stratified"),
            valid_fold=valid_fold,
            task=task,
            labels=labels,
            train_labels=[image.trained for image in good],
            skipped=problems,
            facts=[image.row.values for image in good],
        )
        self._layout, self._levels = layout, tuple(space for space in task.heads if space in found.columns)

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
        layout = _Layout(*(arguments[name] for name in names))
        layout, table = layout.read(arguments["root"] / arguments["table"])
        if isinstance(layout.columns, tuple) and layout.columns:
            return layout.columns
        if layout.label is None:
            return super().label_names(**arguments)
        return in_order(name for row in table.rows for name in layout.separator.split(row[layout.label]))

    @classmethod
    def table_rows(cls, **arguments: Any) -> list[tuple[str, Facts]]:
        table = read_table(arguments["root"] / arguments["table"], ())
        return [(row.place, row.values) for row in table.rows]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column says what; ``columns`` are those of 0 and 1."""

    image: str | None
    label: str | None
    separator: Separator
    columns: Others | tuple[str, ...] | None
    group: str | None
    fold: str | None

    def read(self, path: Path) -> tuple["_Layout", Table]:
        """Return the layout with every column named, and the table, which has them all."""
        if self.label is not None and self.columns:
            raise ValueError("label_column and label_columns can't both be given")
        named = self.columns if isinstance(self.columns, tuple) else ()
        needs = [name for name in (self.image, self.label, *named, self.group, self.fold) if name is not None]
        table = read_table(path, needs)
        image = self.image or table.columns[0]
        if self.columns == "others":
            used = (image, self.group, self.fold)
            named = tuple(name for name in table.columns if name not in used)
        return replace(self, image=image, columns=named), table

    def fields(self, table: Table, task: Task) -> tuple[str, ...]:
        """Return the columns that say the labels, by default those with the name of a label space.

        Raises:
            ValueError: there are none.
        """
        named = (self.label,) if self.label else tuple(self.columns or ())
        found = named or tuple(space for space in task.heads if space in table.columns)
        if not found:
            raise ValueError(
                "relabel: nothing can be corrected: there is no label_column, there are no label_columns, "
                f"and no column has the name of a label space ({', '.join(task.heads)})"
            )
        return found

    def cells(self, before: Facts, after: Facts, levels: Sequence[str]) -> list[Cell]:
        """Return what a relabel file says to make a row's facts other ones; ``levels`` are label spaces."""
        name = before[self.image or ""]
        if self.label:
            between = self.separator.text
            cell = (between or "").join(filter(None, after[LABELS].split("\n")))
            return [Cell(name, self.label, before[self.label], cell, between)] if after != before else []
        if self.columns:
            old, new = (set(of[LABELS].split("\n")) for of in (before, after))
            yes = {label: str(int(label in new)) for label in self.columns if label in old ^ new}
            return [Cell(name, label, before[label], value) for label, value in yes.items()]
        changed = [level for level in levels if after[level] != before[level]]
        return [Cell(name, level, before[level], after[level]) for level in changed]

    def facts(self, values: dict[str, str]) -> dict[str, str]:
        """Return a row's columns and its labels.

        Raises:
            ValueError: a column of 0 and 1 holds something else.
        """
        if self.label:
            return values | labels_fact(self.separator.split(values[self.label]))
        if not self.columns:
            return values
        wrong = [f"{name} = {values[name]!r}" for name in self.columns if values[name].lower() not in _YES]
        if wrong:
            raise ValueError(f"{listing(wrong)} is not 0 or 1")
        return values | labels_fact(name for name in self.columns if _YES[values[name].lower()])


class _Image:
    """A row, its file and labels, and what is wrong with it."""

    def __init__(self, row: Row, name: str) -> None:
        self.row, self.name, self.file = row, name, ""
        self.true: Marked = {}
        self.trained: Marked | None = None
        self.problems: list[str] = []
        self.miscorrected: list[str] = []  # the relabel file's fault, not the row's


def _find(table: Table, layout: _Layout, finder: NameFinder, *, skip: bool, where: Path) -> list[_Image]:
    images = [_Image(row, row[layout.image or ""]) for row in table.rows]
    rows_of = Counter(image.name for image in images)
    lost = 0  # rows without a file
    for image in images:
        place = image.row.place
        try:
            if rows_of[image.name] > 1:
                raise ValueError(f"{image.name!r} stands in {rows_of[image.name]} rows")
            image.file = finder.find(image.name)
            if layout.group and not image.row[layout.group]:
                raise ValueError(f"there is nothing in column {layout.group!r}")
        except ValueError as error:
            image.problems.append(f"{place}: {error}")
            lost += isinstance(error, NoImage)
    if lost and (lost == len(images) or not skip):
        finder.explain(table, layout.image or "", lost, where)
    files_of = Counter(image.file for image in images if image.file)
    for image in images:
        if files_of[image.file] > 1:
            image.problems.append(f"{image.row.place}: {image.file} is another row's image as well")
    return images


def _group(image: _Image, column: str | None, folders: bool) -> str:
    if column:
        return image.row[column]
    return PurePosixPath(image.file).parent.as_posix() if folders else image.file


def _label(images: list[_Image], layout: _Layout, task: Task, corrections: Corrections) -> list[str]:
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
        f"{image.row.place}: {column} = {image.row[column]!r} is not a whole number"
        for image in images
        if not image.row[column].isdecimal()
    ]
    if wrong:
        raise DataError(listed("The folds", wrong))
    return np.array([int(image.row[column]) for image in images], dtype=np.int64)

"""Any competition with a CSV of images and labels."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from dataset.files.image_folder import ImageFolder
from dataset.files.name_finder import NameFinder
from dataset.files.name_repair import NameRepair
from dataset.readers.base import DATASETS, BaseDataset
from dataset.readers.cases import WORDS
from dataset.readers.csv_images import (
    check_cases,
    columns_of,
    corrections_of,
    find_images,
    label_images,
    own_folds,
    say_whose,
    seen_features,
)
from dataset.readers.csv_layout import Layout, Others
from dataset.readers.deal import deal
from dataset.readers.facts import check_facts
from dataset.readers.features import Features
from dataset.readers.fold_table import read_folds
from dataset.readers.meant_columns import MeantColumns
from dataset.readers.odd_features import doubts_of
from dataset.readers.relabel import Cell
from dataset.tasks.base import Facts, Task
from dataset.tasks.cells import SPACE, Separator
from dataset.tasks.labels import in_order
from utils.convert import CountOrZero, Interval
from utils.errors import ConfigError, DataError, listed
from utils.tables import read_table

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
        case_column: of which case an image is: several images, one answer, and always in one fold.
        features: columns that the model sees beside the image, such as ``age, sex``: numbers, or words of
            which each image has one; ``site: words`` where numbers are names. Eval images need them too.
        fold_column: the team's own folds, as whole numbers; none = images are dealt out.
        fold_table: instead of such a column: a CSV (group, fold), such as the split.csv of a run.
        folds: how many parts they are dealt into.
        valid_fold: the part that validates, from 0.
        split: ``stratified``: each part has the same share of each label; ``random``: of images only.
        relabel: a CSV of corrections (profile, field, value, reason: the image or the case, the column with
            labels, such as a level of a hierarchy, and what should stand there), touching training only.
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
        case_column: str | None = None,
        features: Features | None = None,
        fold_column: str | None = None,
        fold_table: Path | None = None,
        folds: Annotated[int, Interval(2)] = 5,
        valid_fold: CountOrZero = 0,
        split: Literal["stratified", "random"] = "stratified",
        relabel: Path | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        _refuse_both(group_column=group_column, group_folders=group_folders)
        _refuse_both(fold_column=fold_column, fold_table=fold_table)

        path, meant = root / table, MeantColumns(case_column, features)
        layout = Layout(
            image_column, label_column, separator, label_columns, group_column, fold_column, meant.names
        )
        layout, content = layout.read(path)
        finder = NameFinder(ImageFolder(root, images, follow_links=follow_links), extension, repair_names)

        rows, doubled = find_images(content, layout, finder, skip=on_bad_row == "skip", where=path)

        say_whose(rows, group_column, case_column, folders=group_folders)
        doubts = layout.doubts(content) if task.labels_have_names else []
        corrections = corrections_of(relabel, rows, layout.fields(content, task) if relabel else ())
        check_facts(task, layout.known(content), f"{path}", _INSTEAD)
        label_images(rows, layout, task, corrections)
        check_cases(rows, task)
        seen = seen_features(rows, features, content)
        # The relabel file is the team's own, so what is wrong with it is never skipped.
        if wrong := [problem for image in rows for problem in image.miscorrected]:
            raise DataError(listed(str(relabel), wrong))

        # What is wrong with a case stands in each of its images.
        problems = list(dict.fromkeys(problem for image in rows for problem in image.problems))
        if problems and on_bad_row == "error":
            hint = "\nMend them, or set on_bad_row = skip in [dataset] to leave these rows out."
            hint += "".join(f"\n{doubt}" for doubt in doubts)
            raise DataError(listed(str(path), problems) + hint)

        good = sorted((image for image in rows if not image.problems), key=lambda image: image.file)
        labels, groups = [image.true for image in good], [image.group for image in good]
        if case_column and not (group_column or group_folders):
            self.group_words = WORDS
        super().__init__(
            root=root,
            **columns_of(good, seen, cases=case_column is not None),
            groups=groups,
            folds=own_folds(good, fold_column)
            if fold_column
            else read_folds(fold_table, groups)
            if fold_table
            else deal(task, labels, groups, folds, seed, stratified=split == "stratified"),
            valid_fold=valid_fold,
            task=task,
            labels=labels,
            skipped=problems,
            notes=[*doubled, *layout.notes, *doubts],
        )
        if self.features is not None:
            self.notes += tuple(doubts_of(self.features, task, self.targets, self.counted))
        self._layout, self._levels = layout, tuple(space for space in task.heads if space in content.columns)

    cells_are_read = True

    def facts_of(self, row: int) -> dict[str, str]:
        return self._layout.facts(super().facts_of(row))

    def cells(self, row: int, facts: Facts) -> list[Cell]:
        cells = self._layout.cells(self.facts_of(row), facts, self._levels)
        return cells if self.cases is None else [replace(cell, profile=self.cases[row]) for cell in cells]

    @classmethod
    def label_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Return the 0/1 columns in their order, or all labels that occur, sorted."""
        names = (
            "image_column", "label_column", "separator", "label_columns", "group_column", "fold_column",
        )  # fmt: skip
        meant = MeantColumns(arguments["case_column"], arguments["features"])
        layout = replace(Layout(*(arguments[name] for name in names)), more=meant.names)
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
        return [(row.line, {**row.values, **row.written}) for row in table.rows]


def _refuse_both(**options: object) -> None:
    """Raise a ValueError where two options are given that say the same in two ways."""
    if all(options.values()):
        raise ValueError(f"{' and '.join(options)} can't both be given")

"""A competition whose images stand in its tables, a row each."""

from pathlib import Path
from typing import Annotated, Any, Literal

from dataset.readers.base import DATASETS
from dataset.readers.csv_dataset import CsvDataset
from dataset.readers.csv_layout import Others
from dataset.readers.eval_base import TEST_DATASETS
from dataset.readers.features import Features
from dataset.readers.meant_columns import NO_COLUMNS, MeantColumns
from dataset.readers.pixel_table import FILE, IMAGES, ROW, TABLE, PixelTable, TableSize
from dataset.readers.test_dataset import TestDataset
from dataset.tasks.base import Facts, Task
from dataset.tasks.cells import SPACE, Separator
from utils.convert import CountOrZero, Interval, Positive
from utils.errors import DataError
from utils.tables import read_table, write_table
from utils.texts import comparable

_KEPT = Path(".cache/pixels")
ID = "id"  # the first column of a table of eval images


@DATASETS.register
class PixelCsvDataset(CsvDataset):
    """One row for each image with its pixels: in columns such as pixel0, pixel1, ..., or in one cell.

    The images are unpacked once, losslessly, and then read like any others; the table's other columns mean
    what they mean to CsvDataset.

    Args:
        table: the CSV.
        pixels: what the pixels' columns begin with, before a number; or the one column with all values.
        size: height, width of these images; none = as high as wide. Three times as many values are colours.
        white: the value of the brightest pixels: 255, or 1 where they are shares.
        unpacked: where the unpacked images are kept; may be deleted at any time.
        label_column: the column with the labels.
        separator: what stands between two labels in a cell: ``space``, ``comma``, another text, or ``none``
            where a cell is one label, whatever is in it.
        label_columns: the columns of 0 and 1; ``others`` = all that have no other meaning.
        group_column: whose image it is: never in training and in validation.
        case_column: of which case an image is: several images, one answer, and always in one fold.
        features: columns that the model sees beside the image, such as ``age, sex``: numbers, or words of
            which each image has one; ``site: words`` where numbers are names. Eval images need them too.
        fold_column: the team's own folds, as whole numbers; none = images are dealt out.
        fold_table: instead of such a column: a CSV (group, fold), such as the split.csv of a run.
        folds: how many parts they are dealt into.
        valid_fold: the part that validates, from 0.
        split: ``stratified``: each part has the same share of each label; ``random``: of images only.
        on_bad_row: ``skip`` leaves out each row with a problem in its labels and names it in the log.

    Raises:
        DataError: lists every row at fault.
    """

    def __init__(
        self,
        *,
        root: Path,
        task: Task,
        seed: int,
        table: str = "train.csv",
        pixels: str = "pixel",
        size: TableSize | None = None,
        white: Positive = 255.0,
        unpacked: Path = _KEPT,
        label_column: str | None = None,
        separator: Separator = SPACE,
        label_columns: Others | tuple[str, ...] | None = None,
        group_column: str | None = None,
        case_column: str | None = None,
        features: Features | None = None,
        fold_column: str | None = None,
        fold_table: Path | None = None,
        folds: Annotated[int, Interval(2)] = 5,
        valid_fold: CountOrZero = 0,
        split: Literal["stratified", "random"] = "stratified",
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        folder = PixelTable(comparable(pixels), size, white).unpacked(root / table, unpacked)

        super().__init__(
            root=folder,
            task=task,
            seed=seed,
            table=TABLE,
            images=IMAGES,
            image_column=FILE,
            label_column=label_column,
            separator=separator,
            label_columns=label_columns,
            group_column=group_column,
            case_column=case_column,
            features=features,
            fold_column=fold_column,
            fold_table=fold_table,
            folds=folds,
            valid_fold=valid_fold,
            split=split,
            on_bad_row=on_bad_row,
        )

    @classmethod
    def label_names(cls, **arguments: Any) -> tuple[str, ...]:
        return super().label_names(**_as_files(arguments))

    @classmethod
    def table_rows(cls, **arguments: Any) -> list[tuple[str, Facts]]:
        return super().table_rows(**_as_files(arguments))


@TEST_DATASETS.register
class PixelCsvTestDataset(TestDataset):
    """The eval images as rows of pixels, and the organiser's template beside them.

    Args:
        root: the data folder.
        task: says of which form the template is.
        columns: of the table that mean more than pixels.
        table: the CSV with the pixels.
        template: the CSV whose columns, ids and order the submission has.
        id_column: the column of the table with the ids; none = the number of the row, from 1.
        pixels: what the pixels' columns begin with, before a number; or the one column with all values.
        size: height, width of these images; none = as high as wide. Three times as many values are colours.
        white: the value of the brightest pixels: 255, or 1 where they are shares.
        unpacked: where the unpacked images are kept; may be deleted at any time.

    Raises:
        DataError: lists every row at fault.
    """

    def __init__(
        self,
        *,
        root: Path,
        task: Task | None = None,
        columns: MeantColumns = NO_COLUMNS,
        table: str = "test.csv",
        template: str = "sample_submission.csv",
        id_column: str | None = None,
        pixels: str = "pixel",
        size: TableSize | None = None,
        white: Positive = 255.0,
        unpacked: Path = _KEPT,
    ) -> None:
        folder = PixelTable(comparable(pixels), size, white).unpacked(root / table, unpacked)
        rows = read_table(folder / TABLE, [])

        named = ROW if id_column is None else comparable(id_column)
        if named not in rows.columns:
            there = ", ".join(rows.columns[2:]) or "no other than pixels"
            raise DataError(f"{root / table}: there is no column {id_column!r} with the ids; it has {there}.")

        # Whatever else it says of the images stands behind.
        ids = folder / f"eval-{rows.columns.index(named)}.csv"
        others = [name for name in rows.columns if name not in (named, FILE, ID)]
        cells = (
            [row.as_written(named), f"{IMAGES}/{row[FILE]}", *map(row.as_written, others)]
            for row in rows.rows
        )
        if not ids.exists():
            write_table(ids, (ID, FILE, *others), cells, guarded=False)

        super().__init__(
            root=folder,
            task=task,
            table=ids.name,
            images=".",
            image_column=FILE,
            template=str((root / template).absolute()),
            columns=columns,
        )


def _as_files(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with which CsvDataset reads the same table, unpacked."""
    how = PixelTable(comparable(arguments["pixels"]), arguments["size"], arguments["white"])
    folder = how.unpacked(arguments["root"] / arguments["table"], arguments["unpacked"])
    return {**arguments, "root": folder, "table": TABLE, "image_column": FILE}

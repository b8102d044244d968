"""The images to predict: a CSV with a row for each, which is also the submission's template."""

import logging
from pathlib import Path

from dataset.eval_dataset import TEST_DATASETS, EvalDataset
from dataset.files import ImageFolder
from utils.doubles import Doubles, keep_one
from utils.errors import DataError, listed
from utils.tables import Row, Table, read_table

log = logging.getLogger("podium")


@TEST_DATASETS.register
class TestDataset(EvalDataset):
    """The eval images in the organiser's order; the first column of a table is the id.

    A ``sample_submission.csv`` that lists the images is the table.

    Args:
        root: the data folder.
        table: the organiser's CSV.
        images: the folder that the images are in.
        image_column: the column that names the image files; none = the id.
        extension: what these names lack, such as ``.jpg``.
        template: the CSV whose columns, ids and order the submission has; none = the table.

    Raises:
        DataError: lists every image that is missing, listed twice or outside of the folder.
    """

    __test__ = False  # not a pytest class

    def __init__(
        self,
        *,
        root: Path,
        table: str = "eval/info.csv",
        images: str = "eval/images",
        image_column: str | None = None,
        extension: str | None = None,
        template: str | None = None,
    ) -> None:
        found = read_table(root / table, [] if image_column is None else [image_column])
        named = image_column or found.columns[0]
        doubles = keep_one(found.rows, lambda row: row[found.columns[0]])
        problems, file_of = _twice(doubles), {}
        folder = ImageFolder(root, images)
        for row in doubles.rows:
            try:
                file_of[row[found.columns[0]]] = folder.find(row[named] + (extension or ""))
            except ValueError as error:
                problems.append(f"{row.place}: {error}")
        if problems:
            raise DataError(listed(str(root / table), problems))
        form, rows = found, doubles.rows
        if template is not None:
            form = read_table(root / template, ())
            rows = _template(root / template, form, file_of, table)
        super().__init__(
            root=root,
            columns=form.header,
            ids=[row.as_written(form.columns[0]) for row in rows],
            files=[file_of[row[form.columns[0]]] for row in rows],
            spelt=_spelt(form),
        )


def _twice(doubles: Doubles) -> list[str]:
    for note in doubles.notes:
        log.warning("%s, so there is no row of its own for it in the submission.", note)
    return [f"{place}: id {clash}" for place, clash in doubles.clashes.items()]


def _spelt(form: Table) -> list[str]:
    """Return the different texts after the id that may be spelt in several ways, as they are written."""
    cells = (row.as_written(column) for row in form.rows for column in form.columns[1:])
    return sorted({text for text in (*cells, *form.header[1:]) if not text.isascii()})


def _template(path: Path, form: Table, file_of: dict[str, str], table: str) -> list[Row]:
    doubles = keep_one(form.rows, lambda row: row[form.columns[0]])
    problems = _twice(doubles) + [
        f"{row.place}: {row[form.columns[0]]!r} is in no row of {table}"
        for row in doubles.rows
        if row[form.columns[0]] not in file_of
    ]
    if problems:
        raise DataError(listed(str(path), problems))
    return doubles.rows

"""The images to predict: a CSV with a row for each, which is also the submission's template."""

from collections import Counter
from pathlib import Path

from dataset.eval_dataset import TEST_DATASETS, EvalDataset
from dataset.files import ImageFolder
from utils.errors import DataError, listed
from utils.tables import Table, read_table


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
        problems, file_of = _twice(found), {}
        folder = ImageFolder(root, images)
        for row in found.rows:
            try:
                file_of[row[found.columns[0]]] = folder.find(row[named] + (extension or ""))
            except ValueError as error:
                problems.append(f"{row.place}: {error}")
        if problems:
            raise DataError(listed(str(root / table), problems))
        form = found if template is None else _template(root / template, file_of, table)
        ids = [row[form.columns[0]] for row in form.rows]
        super().__init__(root=root, columns=form.columns, ids=ids, files=[file_of[name] for name in ids])


def _twice(table: Table) -> list[str]:
    times = Counter(row[table.columns[0]] for row in table.rows)
    return [f"{name} is listed {count} times" for name, count in times.items() if count > 1]


def _template(path: Path, file_of: dict[str, str], table: str) -> Table:
    form = read_table(path, ())
    problems = _twice(form) + [
        f"{row.place}: {row[form.columns[0]]!r} is in no row of {table}"
        for row in form.rows
        if row[form.columns[0]] not in file_of
    ]
    if problems:
        raise DataError(listed(str(path), problems))
    return form

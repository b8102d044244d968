"""The images to predict: a CSV with a row for each, which is also the submission's template."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dataset.files.image_folder import ImageFolder, NoImage
from dataset.files.name_finder import NameFinder
from dataset.files.name_repair import NameRepair
from dataset.readers.cases import EvalCases
from dataset.readers.eval_base import TEST_DATASETS, EvalDataset
from dataset.readers.features import Features, FeatureTable
from dataset.readers.meant_columns import NO_COLUMNS, MeantColumns
from dataset.submissions.base import Line
from dataset.tasks.base import Task
from utils.doubles import Doubles, keep_one
from utils.errors import DataError, listed
from utils.tables import Row, Table, read_table
from utils.texts import comparable

log = logging.getLogger("podium")
_NO_HEADER = (
    "{path}: its first line names an image, {name!r}: write a line with the columns' names above it, in a "
    "copy of the table."
)


@TEST_DATASETS.register
class TestDataset(EvalDataset):
    """The eval images in the organiser's order; the first column of a table is the id.

    A ``sample_submission.csv`` that lists the images is the table.

    Args:
        root: the data folder.
        task: says of which form the template is; none: it has a row for each image.
        columns: of the table that mean more; a template of cases has a row for each of these.
        table: the organiser's CSV.
        images: the folder that the images are in.
        image_column: the column that names the image files; none = the id.
        extension: what these names lack, such as ``.jpg``; ``any``: whatever ending of an image the file
            has; none = nothing, or what all of them lack.
        repair_names: what else the names lack to be those of files, such as ``slashes, drop 2``.
        follow_links: whether links may lead out of the data folder.
        template: the CSV whose columns, ids and order the submission has; none = the table.

    Raises:
        DataError: lists every image that is missing, listed twice or outside of the folder.
    """

    __test__ = False  # not a pytest class
    has_columns = True

    def __init__(
        self,
        *,
        root: Path,
        task: Task | None = None,
        columns: MeantColumns = NO_COLUMNS,
        table: str = "eval/info.csv",
        images: str = "eval/images",
        image_column: str | None = None,
        extension: str | None = None,
        repair_names: tuple[NameRepair, ...] = (),
        follow_links: bool = False,
        template: str | None = None,
    ) -> None:
        path = root / table
        listed_images = read_table(path, [*columns.names, *([] if image_column is None else [image_column])])
        lines: tuple[Line, ...] = ()
        if task is not None and template is None:
            listed_images, lines = task.form.template_of(task, listed_images)
        key = _key(listed_images, image_column, columns, path, alone=template is None)
        _check_id(listed_images, key, path)

        doubles = keep_one(listed_images.rows, lambda row: row[key])
        folder = ImageFolder(root, images, follow_links=follow_links, section="test_dataset")
        finder = NameFinder(folder, extension, repair_names)
        file_of, problems = _files(listed_images, key, image_column or key, finder, path)
        images_of = _images_of(doubles.rows, key, columns.case)
        problems = _twice(doubles) + problems + _without_case(doubles.rows, columns.case)
        if problems:
            raise DataError(listed(str(path), problems))

        form, rows, of_cases = listed_images, doubles.rows, False
        if template is not None:
            form = read_table(root / template, ())
            if task is not None:
                form, lines = task.form.template_of(task, form)
            asked = {row[form.columns[0]] for row in form.rows}
            of_cases = len(asked & images_of.keys()) > len(asked & file_of.keys())
            rows = _template(root / template, form, images_of if of_cases else file_of, listed_images, table)

        id_column, *answers = form.columns
        spelt = {name: [row.as_written(name) for row in rows] for name in form.columns}
        ids = [row[id_column] for row in rows]
        names = [image for name in ids for image in (images_of[name] if of_cases else [name])]
        super().__init__(
            root=root,
            columns=form.header,
            ids=spelt[id_column],
            files=[file_of[name] for name in names],
            template={name: spelt[name] for name in answers},
            image_column=image_column,
            lines=lines,
            cases=_cases(images_of, ids, of_cases=of_cases),
            meant=columns.names,
            features=_features(columns.features, doubles.rows, key, names, path),
        )

        _say_separator(form, root / (template or table))


def _say_separator(form: Table, path: Path) -> None:
    if form.separator != ",":
        shown = "a tab" if form.separator == "\t" else form.separator
        log.warning("%s has %s between its values; a submission has commas.", path, shown)


def _features(
    columns: Features | None, rows: Sequence[Row], key: str, names: Sequence[str], path: Path
) -> FeatureTable | None:
    """Return what a model sees of the named images beside their pixels.

    Raises:
        DataError: lists every row that says something else than the training table.
    """
    if columns is None or not columns.known:  # which only somebody needs who has a model
        return None
    by_name = {row[key]: row for row in rows}
    asked = [by_name[name] for name in names]
    table, wrong = columns.table([row.values for row in asked])
    if wrong:
        lines = [f"{asked[row].line}: {problem}" for row in wrong for problem in wrong[row]]
        raise DataError(listed(str(path), lines))
    for line in columns.strange([row.values for row in asked]):
        log.warning(line)
    return table


def _key(table: Table, image_column: str | None, columns: MeantColumns, path: Path, *, alone: bool) -> str:
    """Return the column that tells images apart: the first one, if that is not the case's.

    Args:
        alone: whether the table is the template as well.

    Raises:
        DataError: it is, and nothing else names the images, or the rows of a submission.
    """
    first = table.columns[0]
    if columns.case is None or first != comparable(columns.case):
        return first
    if image_column is None:
        raise DataError(
            f"{path}: its first column, {first!r}, is that of the cases. Name the one with the images: "
            "image_column = ... in [test_dataset]."
        )
    if alone:
        raise DataError(
            f"{path}: the first column, {first!r}, is that of cases, so its rows are none of a submission: "
            "name the organiser's sample: template = ... in [test_dataset]."
        )
    return comparable(image_column)


def _images_of(rows: Sequence[Row], key: str, case: str | None) -> dict[str, list[str]]:
    """Return the images of each case, by what ``key`` says of them; without cases there is none."""
    images_of: dict[str, list[str]] = {}
    for row in rows if case is not None else ():
        images_of.setdefault(row[comparable(case or "")], []).append(row[key])
    return images_of


def _without_case(rows: Sequence[Row], case: str | None) -> list[str]:
    """Return which rows say nothing of whose case they are."""
    if case is None:
        return []
    return [f"{row.line}: there is nothing in column {case!r}" for row in rows if not row[comparable(case)]]


def _cases(images_of: Mapping[str, Sequence[str]], ids: Sequence[str], *, of_cases: bool) -> EvalCases | None:
    """Return the cases of a template's rows, and say what these are about."""
    if not images_of:
        return None
    if of_cases:
        sizes = [len(images_of[name]) for name in ids]
        log.info("The template has a row for each case: %d cases of %d images.", len(ids), sum(sizes))
        return EvalCases.by_case(ids, sizes)
    log.info("The template has a row for each image: those of one case get the same answer.")
    case_of = {name: case for case, several in images_of.items() for name in several}
    return EvalCases.by_image([case_of[name] for name in ids])


def _files(
    table: Table, key: str, column: str, finder: NameFinder, path: Path
) -> tuple[dict[str, str], list[str]]:
    """Return the image file of each id, and what is wrong with the others."""
    file_of, problems, lost = {}, [], 0
    for row in table.rows:
        try:
            file_of[row[key]] = finder.find(row[column])
        except ValueError as error:
            problems.append(f"{row.line}: {error}")
            lost += isinstance(error, NoImage)
    if not lost:
        _check_header(column, finder, file_of, path)
        return file_of, problems

    names = table.column(column)
    columns = {name: table.column(name) for name in table.columns}
    ending = finder.forgotten_ending(names) if lost == len(names) else None
    if ending is not None and not finder.other_column(columns, column):
        log.info("%s: the names in column %r lack the ending of their files, which is added.", path, column)
        return _files(table, key, column, ending, path)
    finder.explain(table, column, lost, path)
    return file_of, problems


def _check_header(column: str, finder: NameFinder, file_of: Mapping[str, str], path: Path) -> None:
    """Raise a DataError where the first line names an image too: it would be taken for the columns' names."""
    try:
        file = finder.find(column)
    except ValueError:
        return
    if file not in file_of.values():
        raise DataError(_NO_HEADER.format(path=path, name=column))


def _check_id(table: Table, key: str, path: Path) -> None:
    """Raise a DataError where the first column can't be the id: hardly a value of it is another one."""
    first = table.columns[0]
    if key != first:  # somebody said which column tells the images apart
        return
    different = len({row[first] for row in table.rows})
    if different <= 0.5 * len(table.rows) and len(table.rows) > 3:
        raise DataError(
            f"{path}: its first column, {first!r}, should be the id, but {len(table.rows)} rows have "
            f"{different} different value(s) there. Is the id in another column, or the header missing?"
        )


def _twice(doubles: Doubles) -> list[str]:
    for note in doubles.notes:
        log.warning("%s, so there is no row of its own for it in the submission.", note)
    return [f"{line}: id {clash}" for line, clash in doubles.clashes.items()]


def _template(path: Path, form: Table, known: Collection[str], images: Table, table: str) -> list[Row]:
    """Return the rows of a template, of equal ones one, whose ids are all in the table of images."""
    _check_id(form, form.columns[0], path)
    ids = [row[form.columns[0]] for row in form.rows]
    if form.columns[0] in set(known) - set(ids):
        raise DataError(_NO_HEADER.format(path=path, name=form.columns[0]))
    if not any(name in known for name in ids):
        raise DataError(f"{path}: {_no_id(ids, images, table)}")

    doubles = keep_one(form.rows, lambda row: row[form.columns[0]])
    problems = _twice(doubles) + [
        f"{row.line}: {row[form.columns[0]]!r} is in no row of {table}"
        for row in doubles.rows
        if row[form.columns[0]] not in known
    ]
    if problems:
        raise DataError(listed(str(path), problems))
    return doubles.rows


def _no_id(ids: list[str], images: Table, table: str) -> str:
    """Return why no id of a template is one of the table's."""
    first = images.columns[0]
    there = images.rows[0][first]
    why = f"none of its ids ({ids[0]!r}, ...) is in column {first!r} of {table} ({there!r}, ...)"
    other = [name for name in images.columns if {row[name] for row in images.rows} >= set(ids)]
    return f"{why}. They are in {other[0]!r}, which has to be its first column." if other else f"{why}."

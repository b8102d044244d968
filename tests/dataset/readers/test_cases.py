"""Several images and one answer: who belongs together, what contradicts that, and which rows are answered."""

import numpy as np
import pytest

from dataset.class_table import as_called, class_table
from dataset.readers.meant_columns import MeantColumns
from dataset.readers.test_dataset import TestDataset
from dataset.tasks.base import TASKS
from tests.dataset.readers.test_csv_dataset import Folder
from tests.digits import write_csv
from utils.errors import DataError
from utils.registry import Component

COLUMNS = ("id", "label", "patient", "clinic")
ROWS = [
    ["d", "cat", "p1", "north"],
    ["a", "dog", "p2", "north"],
    ["c", "cat", "p1", "north"],
    ["b", "dog", "p3", "south"],
    ["e", "dog", "p2", "north"],
]
TASK = {"task": "ClassificationTask", "labels": "cat, dog", "label_column": "label"}


def read(folder: Folder, **options):
    return folder.read(**TASK, case_column="patient", **options)


def test_a_case_is_a_group_and_its_first_image_stands_for_it(tmp_path) -> None:
    data = read(Folder(tmp_path, COLUMNS, ROWS))
    assert data.groups == data.cases == ("p2", "p3", "p1", "p1", "p2")
    assert data.group_words == ("case", "cases")
    assert len(set(zip(data.groups, data.folds.tolist(), strict=True))) == 3
    every = np.arange(5)
    assert data.first_images(every).tolist() == [0, 1, 2]
    assert data.first_images(np.array([3, 4])).tolist() == [3, 4]
    assert data.whole_cases(np.array([0, 3]), every).tolist() == [0, 2, 3, 4]
    assert data.whole_cases(np.array([0]), np.array([1, 4])).tolist() == [4]


def test_without_cases_each_row_stands_for_itself(tmp_path) -> None:
    data = Folder(tmp_path, COLUMNS, ROWS).read(**TASK)
    rows = np.array([3, 1])
    assert data.case_of is None
    assert data.first_images(rows) is rows
    assert data.whole_cases(rows, np.arange(5)) is rows


def test_a_larger_group_keeps_its_cases_together(tmp_path) -> None:
    data = read(Folder(tmp_path, COLUMNS, ROWS), group_column="clinic")
    assert data.groups == ("north", "south", "north", "north", "north")
    assert data.cases == ("p2", "p3", "p1", "p1", "p2")
    assert data.group_words == ("group", "groups")


def test_the_class_table_counts_cases(tmp_path) -> None:
    folder = Folder(tmp_path, COLUMNS, ROWS)
    task = TASKS.build(
        Component.of("ClassificationTask", labels="cat, dog"), root=tmp_path, labels_found=tuple
    )
    for options in ({}, {"group_column": "clinic"}):
        data = read(folder, **options)
        columns, rows = as_called(data, class_table(data, task))
        assert columns[:3] == ("class", "cases", "images")
        assert [row[:3] for row in rows] == [("cat", 1, 2), ("dog", 2, 3)]


@pytest.mark.parametrize(
    ("row", "options", "words"),
    [
        (
            ["f", "cat", "p3", "south"],
            {},
            "case 'p3' has several answers in label: dog (train.csv line 5), cat",
        ),
        (
            ["f", "dog", "p3", "north"],
            {"group_column": "clinic"},
            "case 'p3' is in several groups: 'south' (train.csv line 5), 'north' (train.csv line 7)",
        ),
        (["f", "dog", "", "south"], {}, "train.csv line 7: there is nothing in column 'patient'"),
    ],
)
def test_what_contradicts_one_answer_is_named_once_or_left_out(tmp_path, row, options, words) -> None:
    folder = Folder(tmp_path, COLUMNS, [*ROWS, row, ["g", "dog", "p4", "south"]])
    refused = folder.refusal(**TASK, case_column="patient", **options)
    assert refused.count(words) == 1
    data = read(folder, on_bad_row="skip", **options)
    assert data.cases == (("p2", "p1", "p1", "p2", "p4") if row[2] else ("p2", "p3", "p1", "p1", "p2", "p4"))
    assert data.skipped


def test_a_missing_column_is_named_with_the_nearest_one(tmp_path) -> None:
    refused = Folder(tmp_path, COLUMNS, ROWS).refusal(**TASK, case_column="pateint")
    assert "'pateint'" in refused
    assert "Did you mean 'patient'?" in refused


def test_the_columns_of_cases_are_no_labels(tmp_path) -> None:
    rows = [["a", "1", "0", "0"], ["b", "0", "1", "1"], ["c", "1", "0", "0"], ["d", "0", "1", "1"]]
    data = Folder(tmp_path, ("id", "x", "y", "patient"), rows).read(
        label_columns="others", case_column="patient"
    )
    assert list(data.targets["labels"].shape) == [4, 2]


def eval_images(root, columns, rows, template=None, **options) -> TestDataset:
    (root / "test").mkdir(exist_ok=True)
    for row in rows:
        (root / "test" / f"{row[columns.index('image')]}.png").touch()
    write_csv(root / "test.csv", columns, rows)
    if template is not None:
        write_csv(root / "sample.csv", ("id", "label"), [[name, "x"] for name in template])
        options["template"] = "sample.csv"
    meant = MeantColumns("patient")
    return TestDataset(root=root, columns=meant, table="test.csv", images="test", extension=".png", **options)


IMAGES = [["b", "p2"], ["a", "p1"], ["c", "p2"], ["d", "p3"]]


def test_a_template_of_cases_has_a_row_a_case(tmp_path) -> None:
    images = eval_images(tmp_path, ("image", "patient"), IMAGES, ("p3", "p2"))
    assert list(images.ids) == ["p3", "p2"]
    assert list(images.files) == ["test/d.png", "test/b.png", "test/c.png"]
    assert images.cases.names == ("p3", "p2")
    assert images.cases.numbers.tolist() == [0, 1, 1]
    assert images.cases.answered.tolist() == [0, 1]


def test_the_column_of_cases_may_stand_first(tmp_path) -> None:
    rows = [row[::-1] for row in IMAGES]
    images = eval_images(tmp_path, ("patient", "image"), rows, ("p1", "p2", "p3"), image_column="image")
    assert list(images.files) == [f"test/{name}.png" for name in "abcd"]
    with pytest.raises(DataError, match="image_column = "):
        eval_images(tmp_path, ("patient", "image"), rows, ("p1",))
    with pytest.raises(DataError, match="template = "):
        eval_images(tmp_path, ("patient", "image"), rows, image_column="image")


@pytest.mark.parametrize("template", [("d", "c", "b", "a"), None])
def test_a_template_of_images_has_a_row_an_image(tmp_path, template) -> None:
    images = eval_images(tmp_path, ("image", "patient"), IMAGES, template)
    order = list(template or "bacd")
    case_of = dict(IMAGES)
    assert list(images.ids) == order
    assert [images.cases.names[number] for number in images.cases.numbers] == [
        case_of[name] for name in order
    ]
    assert images.cases.answered.tolist() == images.cases.numbers.tolist()
    assert images.answer_column(("target",)) == ("label" if template else None)


def test_a_case_that_no_image_has_and_images_without_one_are_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"'p9' is in no row of test\.csv"):
        eval_images(tmp_path, ("image", "patient"), IMAGES, ("p1", "p2", "p9"))
    with pytest.raises(DataError, match="line 2: there is nothing in column 'patient'"):
        eval_images(tmp_path, ("image", "patient"), [["b", ""], *IMAGES[1:]], ("p1", "p2"))
    with pytest.raises(DataError, match="patient"):
        eval_images(tmp_path, ("image", "who"), IMAGES, ("p1", "p2"))


def test_a_row_is_unread_when_all_images_of_its_case_are(tmp_path) -> None:
    images = eval_images(tmp_path, ("image", "patient"), IMAGES, ("p1", "p2", "p3"))
    assert images.unread({1: "b is empty"}) == {}  # c answers for p2
    assert images.unread({1: "b is empty", 2: "c is empty"}) == {1: "b is empty"}
    by_image = eval_images(tmp_path, ("image", "patient"), IMAGES)
    assert by_image.unread({0: "b is empty", 2: "c is empty"}) == {0: "b is empty", 2: "b is empty"}


def test_a_correction_of_a_case_is_one_of_all_its_images(tmp_path) -> None:
    relabel = tmp_path / "relabel.csv"
    rows = [["p2", "label", "cat", "seen"], ["d", "label", "dog", "seen"]]
    write_csv(relabel, ("profile", "field", "value", "reason"), rows)
    data = read(Folder(tmp_path, COLUMNS, ROWS), relabel=relabel)
    # a dog, b dog, c cat, d cat, e dog
    assert data.targets["label"][:, 0].tolist() == [0, 0, 1, 1, 0]
    assert data.train_targets["label"][:, 0].tolist() == [1, 0, 1, 0, 1]
    cells = data.cells(0, {**data.facts_of(0), "label": "cat", "labels": "cat"})
    assert [(cell.profile, cell.field, cell.after) for cell in cells] == [("p2", "label", "cat")]

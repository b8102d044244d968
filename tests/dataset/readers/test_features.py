"""Columns that a model sees: what they hold, what is wrong with them, and there and back again."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.readers.base import DATASETS
from dataset.readers.features import Feature, Features
from dataset.readers.meant_columns import MeantColumns
from dataset.readers.test_dataset import TestDataset
from tests.dataset.readers.test_csv_dataset import Folder
from tests.digits import write_csv
from utils.errors import DataError
from utils.ini import Value, format_ini, read_ini
from utils.registry import Component
from utils.texts import comparable

COLUMNS = ("id", "label", "age", "ward")
ROWS = [
    ["a", "cat", "31", "north"],
    ["b", "dog", "", "south"],
    ["c", "cat", "40.5", ""],
    ["d", "dog", "NA", "north"],
]
TASK = {"task": "ClassificationTask", "labels": "cat, dog", "label_column": "label"}


def found(text: str, *cells: dict[str, str]) -> Features:
    rows = [(f"train.csv line {number + 2}", row) for number, row in enumerate(cells)]
    return Features.from_text(text).found_in(rows)


def test_numbers_words_and_what_is_missing(tmp_path) -> None:
    data = Folder(tmp_path, COLUMNS, ROWS).read(**TASK, features="age, ward")
    assert str(data.features.columns) == "age: number, ward: words north | south"
    assert data.features.columns.words == (0, 2)
    assert data.features.values.dtype == torch.float32
    assert data.features.values.tolist() == [
        [31, 0, 1, 0, 0],
        [0, 1, 0, 1, 0],
        [40.5, 0, 0, 0, 1],
        [0, 1, 1, 0, 0],
    ]


def test_numbers_that_are_names_are_words_where_that_is_said() -> None:
    cells = [{"site": value} for value in ("2", "10", "2", "")]
    assert str(found("site", *cells)) == "site: number"
    assert found("site: words", *cells).columns == (Feature("site", "words", ("2", "10")),)


def test_a_word_that_is_not_known_is_none_of_them_and_is_said() -> None:
    columns = Features.from_text("ward: words north | south")
    rows = [{"ward": "west"}, {"ward": "south"}, {"ward": ""}]
    table, wrong = columns.table(rows)
    assert (table.values.tolist(), wrong) == ([[0, 0, 0], [0, 1, 0], [0, 0, 1]], {})
    assert columns.strange(rows) == [
        "ward: 1 of 3 images have a word that the training table has not, which counts as none of its words: "
        "'west'"
    ]
    assert columns.strange(rows[1:]) == []


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
            st.text(st.characters(codec="utf-8"), max_size=6).map(comparable),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_cells_make_the_same_values_again_and_the_config_keeps_every_word(rows) -> None:
    cells = [{"a, b: c": "" if number is None else repr(number), "word": word} for number, word in rows]
    assert (
        any(number is not None for number, _ in rows) or cells.append({"a, b: c": "1", "word": "x"}) is None
    )
    if not any(cell["word"] for cell in cells):
        cells.append({"a, b: c": "2", "word": "x"})
    columns = Features.from_text("a%2C b%3A c: number, word: words").found_in([("", row) for row in cells])
    again = Features.from_text(str(columns))
    assert again == columns
    ini = format_ini({"dataset": {"features": str(columns)}})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.ini"
        path.write_text(ini, encoding="utf-8")
        assert read_ini(path)["dataset"].values["features"].text == str(columns)

    table, wrong = columns.table(cells)
    assert not wrong
    written = table.cells
    rows_again = [dict(zip(written, values, strict=True)) for values in zip(*written.values(), strict=True)]
    assert again.table(rows_again)[0].values.equal(table.values)
    assert written["word"] == [cell["word"] for cell in cells]
    for row, cell in enumerate(cells):
        number = cell["a, b: c"]
        assert table.values[row, 1] == (not number)
        assert table.values[row, 0] == np.float32(number or 0)
        assert table.values[row, 2:].sum() == 1


def test_a_few_cells_that_are_no_numbers_are_mistakes(tmp_path) -> None:
    rows = [[f"i{number:02d}", "cat" if number % 2 else "dog", str(number), "n"] for number in range(30)]
    rows[4][2], rows[6][2] = "4o", "6,5"
    refused = Folder(tmp_path, COLUMNS, rows).refusal(**TASK, features="age")
    assert "train.csv line 6: age = '4o' is no number\n" in refused
    assert "train.csv line 8: age = '6,5' is no number: write 6.5" in refused
    assert "age: words" in refused
    data = Folder(tmp_path, COLUMNS, rows).read(**TASK, features="age: number", on_bad_row="skip")
    assert len(data.files) == 28
    assert data.skipped[0] == "train.csv line 6: age = '4o' is no number"


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ("agee", "Did you mean 'age'?"),
        ("age: words, note", "column 'note' is empty in every row"),
        ("size", "size = '1,5' is no number: write 1.5"),
    ],
)
def test_a_column_that_is_not_to_be_understood_is_refused(tmp_path, features, words) -> None:
    rows = [[*row, "", f"{number},5"] for number, row in enumerate(ROWS, start=1)]
    refused = Folder(tmp_path, (*COLUMNS, "note", "size"), rows).refusal(**TASK, features=features)
    assert words in refused


@pytest.mark.parametrize("text", ["age: numbers", "age,", "age: number 3", "age, age", ":number"])
def test_what_is_misspelt_in_the_config_is_one_problem_of_it(text) -> None:
    component = Component("CsvDataset", {"features": Value(text, "config.ini line 3")}, "dataset")
    (problem,) = DATASETS.problems(component)
    assert problem.startswith("[dataset] features: ")


def test_the_fingerprint_is_that_of_the_columns_as_well(tmp_path) -> None:
    folder = Folder(tmp_path, COLUMNS, ROWS)
    plain, seen = folder.read(**TASK), folder.read(**TASK, features="age")
    assert plain.features is None
    assert plain.fingerprint() != seen.fingerprint()
    older_rows = [[*ROWS[0][:2], "32", *ROWS[0][3:]], *ROWS[1:]]
    older = Folder(tmp_path, COLUMNS, older_rows)
    assert older.read(**TASK).fingerprint() == plain.fingerprint()
    assert older.read(**TASK, features="age").fingerprint() != seen.fingerprint()


def test_the_columns_that_a_model_sees_are_no_labels(tmp_path) -> None:
    rows = [["a", "1", "0", "0"], ["b", "0", "1", "1"], ["c", "1", "0", "0"], ["d", "0", "1", "1"]]
    data = Folder(tmp_path, ("id", "x", "y", "smoker"), rows).read(label_columns="others", features="smoker")
    assert list(data.targets["labels"].shape) == [4, 2]


def eval_images(root, rows, columns=("image", "age", "ward")) -> TestDataset:
    (root / "test").mkdir(exist_ok=True)
    for row in rows:
        (root / "test" / f"{row[0]}.png").touch()
    write_csv(root / "test.csv", columns, rows)
    write_csv(root / "sample.csv", ("image", "label"), [[row[0], "x"] for row in rows[::-1]])
    meant = MeantColumns(None, Features.from_text("age: number, ward: words north | south"))
    return TestDataset(
        root=root, columns=meant, table="test.csv", images="test", extension=".png", template="sample.csv"
    )


def test_eval_images_have_the_columns_in_the_order_of_the_submission(tmp_path, caplog) -> None:
    images = eval_images(tmp_path, [["a", "1", "north"], ["b", "", "west"]])
    assert list(images.files) == ["test/b.png", "test/a.png"]
    assert images.features.values.tolist() == [[0, 1, 0, 0, 0], [1, 0, 1, 0, 0]]
    assert "ward: 1 of 2 images have a word" in caplog.text


def test_an_eval_table_without_a_column_or_with_other_cells_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="Did you mean 'wards'"):
        eval_images(tmp_path, [["a", "1", "north"]], ("image", "age", "wards"))
    with pytest.raises(DataError, match=r"test\.csv line 2: age = 'old' is no number"):
        eval_images(tmp_path, [["a", "old", "north"]])

"""Images whose pixels stand in a table."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dataset.readers.base import DATASETS
from dataset.readers.eval_base import TEST_DATASETS
from dataset.readers.pixel_table import IMAGES, PixelTable
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.labels import LabelNames
from tests.digits import write_csv
from utils.errors import DataError
from utils.registry import Component


def task() -> ClassificationTask:
    return ClassificationTask(root=Path(), labels_found=tuple, labels=LabelNames(("a", "b")))


def unpacked(tmp_path: Path, columns, rows, *, pixels="pixel", size=None, white=255.0) -> list[np.ndarray]:
    write_csv(tmp_path / "t.csv", columns, rows)
    folder = PixelTable(pixels, size, white).unpacked(tmp_path / "t.csv", tmp_path / "kept")
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((folder / IMAGES).iterdir())]


def images(shape: tuple[int, ...], count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def test_columns_go_by_their_number_wherever_they_stand(tmp_path: Path) -> None:
    whole = images((4, 4))
    order = np.random.default_rng(1).permutation(16)
    columns = ["label", *(f"pixel{place}" for place in order)]
    rows = [["a", *image.ravel()[order]] for image in whole]
    np.testing.assert_array_equal(unpacked(tmp_path, columns, rows), whole)


def test_all_values_may_stand_in_one_cell(tmp_path: Path) -> None:
    whole = images((2, 3))
    rows = [["a", " ".join(map(str, image.ravel()))] for image in whole]
    found = unpacked(tmp_path, ("emotion", "pixels"), rows, pixels="pixels", size=(2, 3))
    np.testing.assert_array_equal(found, whole)


def test_three_times_as_many_values_are_colours(tmp_path: Path) -> None:
    whole = images((3, 3, 3))
    columns = [f"px_{place}" for place in range(27)]
    found = unpacked(tmp_path, columns, [image.ravel() for image in whole], pixels="px")
    np.testing.assert_array_equal(np.array(found)[..., ::-1], whole)  # OpenCV reads BGR


def test_shares_of_white_are_scaled(tmp_path: Path) -> None:
    columns = [f"pixel{place}" for place in range(4)]
    found = unpacked(tmp_path, columns, [[0, 0.2, 0.5, 1.0]], white=1.0)
    assert found[0].ravel().tolist() == [0, 51, 128, 255]


def test_a_table_is_unpacked_once_and_anew_when_it_changes(tmp_path: Path) -> None:
    columns = [f"pixel{place}" for place in range(4)]
    table, kept = tmp_path / "t.csv", tmp_path / "kept"
    write_csv(table, columns, [[0, 1, 2, 3]])
    first = PixelTable("pixel", None, 255.0).unpacked(table, kept)
    time = (first / "table.csv").stat().st_mtime_ns
    assert PixelTable("pixel", None, 255.0).unpacked(table, kept) == first
    assert (first / "table.csv").stat().st_mtime_ns == time
    write_csv(table, columns, [[0, 1, 2, 4]])
    assert PixelTable("pixel", None, 255.0).unpacked(table, kept) != first
    assert sorted(path.name for path in kept.iterdir() if path.name.startswith(".")) == []


FOUR = tuple(f"pixel{place}" for place in range(4))
WRONG = {
    "a word": (FOUR, [[0, 1, "x", 3]], {}, "line 2: 'x' is no value of a pixel"),
    "above white": (FOUR, [[0, 1, 2, 3], [0, 1, 256, 3]], {}, "line 3: the value 256 of a pixel is not in 0"),
    "negative": (FOUR, [[0, -1, 2, 3]], {}, "the value -1 of a pixel"),
    "no number": (FOUR, [[0, "nan", 2, 3]], {}, "the value nan"),
    "shares": (FOUR, [[0, 0.5, 1, 0]], {}, "Write white = 1"),
    "no square": ((*FOUR, "pixel4"), [[0, 1, 2, 3, 9]], {}, "write size = height, width"),
    "another size": (FOUR, [[0, 1, 2, 3]], {"size": (3, 2)}, "4 values, where size = 3, 2 has 6"),
    "other columns": (("px0", "px1"), [[0, 9]], {}, "Did you mean pixels = px?"),
    "a row too short": (FOUR, [[0, 1, 2]], {}, "3 values for 4 columns"),
    "no row": (FOUR, [], {}, "a header and no row"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_image_is_named_with_its_line(what: str, tmp_path: Path) -> None:
    columns, rows, options, message = WRONG[what]
    with pytest.raises(DataError) as refused:
        unpacked(tmp_path, columns, rows, **options)
    assert message in str(refused.value)
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_other_columns_mean_what_they_mean_elsewhere(tmp_path: Path) -> None:
    rows = [
        ["ab"[number % 2], f"p{number // 2}", *image.ravel()]
        for number, image in enumerate(images((2, 2), 8))
    ]
    write_csv(tmp_path / "train.csv", ("label", "who", *FOUR), rows)
    options = {"label_column": "label", "group_column": "who", "folds": 2, "unpacked": tmp_path / "kept"}
    dataset = DATASETS.build(Component.of("PixelCsvDataset", **options), root=tmp_path, task=task(), seed=0)
    assert list(dataset.groups) == [row[1] for row in rows]
    assert dataset.targets["label"].argmax(dim=1).tolist() == [0, 1] * 4
    arguments = DATASETS.arguments(Component.of("PixelCsvDataset", **options), root=tmp_path)
    assert DATASETS.get("PixelCsvDataset").label_names(**arguments) == ("a", "b")


@pytest.mark.parametrize("id_column", [None, "key"])
def test_eval_rows_are_found_by_number_or_by_id(id_column: str | None, tmp_path: Path) -> None:
    whole = images((2, 2))
    rows = [[f"k{number}", *image.ravel()] for number, image in enumerate(whole)]
    write_csv(tmp_path / "test.csv", ("key", *FOUR), rows)
    ids = ["2", "1", "3"] if id_column is None else ["k1", "k0", "k2"]
    write_csv(tmp_path / "sample_submission.csv", ("ImageId", "label"), [[name, "a"] for name in ids])
    chosen = Component.of("PixelCsvTestDataset", id_column=id_column, unpacked=tmp_path / "kept")
    found = TEST_DATASETS.build(chosen, root=tmp_path, task=task())
    assert list(found.ids) == ids
    assert found.header == ("ImageId", "label")
    pixels = [cv2.imread(str(found.root / name), cv2.IMREAD_UNCHANGED) for name in found.files]
    np.testing.assert_array_equal(pixels, whole[[1, 0, 2]])

"""A split that a team has committed: taken as it stands by every reader, or refused with all its faults."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.readers.fold_table import read_folds
from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.tasks.mask import MaskTask
from tests.dataset.readers.test_csv_dataset import ROWS, Folder
from tests.dataset.readers.test_folder_dataset import read, touch
from utils.errors import ConfigError, DataError


def write(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("group", "fold"), *rows])
    return path


@given(
    st.dictionaries(
        st.text("가나abc ,\"'", min_size=1).map(str.strip).filter(bool), st.integers(0, 9), min_size=1
    ),
    st.randoms(use_true_random=False),
)
def test_each_image_has_the_fold_of_its_group_whatever_the_order(tmp_path_factory, fold_of, random):
    groups = random.choices(sorted(fold_of), k=20) + list(fold_of)
    rows = random.sample(list(fold_of.items()), len(fold_of))
    path = write(tmp_path_factory.mktemp("folds") / "split.csv", rows)
    assert read_folds(path, groups).tolist() == [fold_of[group] for group in groups]


def test_everything_that_is_wrong_comes_in_one_error(tmp_path):
    path = write(tmp_path / "split.csv", [("a", "0"), ("b", "one"), ("a", "1"), ("z", "1"), ("c", "-1")])
    with pytest.raises(DataError) as refused:
        read_folds(path, ["a", "b", "c", "d", "e", "d"])
    assert str(refused.value).splitlines()[1:] == [
        "  - split.csv line 3: fold = 'one' is not a whole number",
        "  - split.csv line 4: group 'a' stands in 2 rows, in split.csv line 2 with another fold "
        "('0' there, '1' here)",
        "  - split.csv line 5: no image is of group 'z'",
        "  - split.csv line 6: fold = '-1' is not a whole number",
        "  - there is no row of group 'd'",
        "  - there is no row of group 'e'",
    ]


def test_people_have_the_folds_of_the_table_instead_of_dealt_ones(mask_folder, tmp_path):
    folder = mask_folder(6)
    people = [row["path"] for row in folder.rows]
    path = write(tmp_path / "split.csv", [(name, number % 2 + 4) for number, name in enumerate(people)])
    of = {"root": folder.root, "task": MaskTask(), "fold_table": path, "valid_fold": 5}
    data = SplitByProfileDataset(seed=1, **of)
    assert {group: int(fold) for group, fold in zip(data.groups, data.folds, strict=True)} == {
        name: number % 2 + 4 for number, name in enumerate(people)
    }
    assert {data.groups[row] for row in data.valid_rows} == set(people[1::2])
    assert np.array_equal(SplitByProfileDataset(seed=2, folds=9, **of).folds, data.folds)
    with pytest.raises(ConfigError, match="valid_fold = 0 is not one of the folds: 4, 5"):
        data.check_fold(0, "valid_fold")


def test_rows_of_a_table_have_the_folds_of_their_groups(tmp_path):
    folder = Folder(tmp_path, ("id", "tags", "who"), [[*row, "xyxz"[i]] for i, row in enumerate(ROWS)])
    path = write(tmp_path / "split.csv", [("x", 0), ("y", 1), ("z", 1)])
    given = {"label_column": "tags", "group_column": "who", "fold_table": path}
    assert folder.read(**given).folds.tolist() == [0, 1, 0, 1]
    with pytest.raises(ConfigError, match="fold_column and fold_table can't both be given"):
        folder.read(fold_column="tags", **given)


def test_images_in_folders_are_groups_of_their_own(tmp_path):
    touch(tmp_path / "train", "a/1.jpg", "b/2.jpg")
    path = write(tmp_path / "split.csv", [("train/b/2.jpg", 0), ("train/a/1.jpg", 1)])
    assert read(tmp_path, fold_table=path).folds.tolist() == [1, 0]

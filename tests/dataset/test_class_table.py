"""How many people and images each class has, counted by hand on a folder small enough for that."""

import numpy as np
import pytest

from dataset.class_table import COLUMNS, as_called, class_table, in_short, write_class_table
from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.tasks.age_ranges import AgeRanges
from dataset.tasks.mask import CLASSES, MaskTask
from utils.tables import read_table
from utils.text_table import format_table

PEOPLE = [(f"m{i}", "male", 20) for i in range(4)] + [(f"f{i}", "female", 58) for i in range(2)]


def table_of(mask_folder, task):
    data = SplitByProfileDataset(root=mask_folder(PEOPLE).root, task=task, seed=0, folds=2)
    rows = class_table(data, task)
    assert [row[0] for row in rows] == list(CLASSES)
    return data, {row[0]: dict(zip(COLUMNS[1:], row[1:], strict=True)) for row in rows}


@pytest.mark.parametrize("joint", [False, True])
def test_people_and_images_of_each_class_are_counted_per_split(mask_folder, joint):
    # check value for a loader: each person is in classes 6..17 with one image and in 0..5 with five
    _, rows = table_of(mask_folder, MaskTask(joint=joint))
    assert list(rows["wear male young"].values()) == [4, 20, 2, 10, 2, 10]
    assert list(rows["incorrect male young"].values()) == [4, 4, 2, 2, 2, 2]
    assert list(rows["normal female middle"].values()) == [2, 2, 1, 1, 1, 1]
    assert list(rows["normal female old"].values()) == [0] * 6
    assert sum(row["images"] for row in rows.values()) == 42


def test_the_policy_shows_in_training_only(mask_folder):
    _, rows = table_of(mask_folder, MaskTask(train_age_boundaries=(30, 58)))
    assert list(rows["normal female middle"].values()) == [2, 2, 0, 0, 1, 1]
    assert list(rows["normal female old"].values()) == [0, 0, 1, 1, 0, 0]
    _, rows = table_of(mask_folder, MaskTask(drop_ages=AgeRanges(((58, 58),))))
    assert list(rows["normal female middle"].values()) == [2, 2, 0, 0, 1, 1]
    assert sum(row["train images"] for row in rows.values()) == 14


def test_images_that_could_not_be_read_are_not_counted_as_trained_on(mask_folder):
    task = MaskTask()
    data, _ = table_of(mask_folder, task)
    data.without(data.train_rows[:3])
    assert sum(row[COLUMNS.index("train images")] for row in class_table(data, task)) == 18
    assert len(data.train_rows) == 18
    assert np.sum([row[2] for row in class_table(data, task)]) == 42


def test_the_table_is_printed_aligned_and_kept_as_csv(mask_folder, tmp_path):
    task = MaskTask()
    data, _ = table_of(mask_folder, task)
    rows = class_table(data, task)
    lines = format_table(COLUMNS, rows).splitlines()
    assert len(lines) == 19
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["wear", "male", "young", "4", "20", "2", "10", "2", "10"]
    write_class_table(tmp_path / "class_table.csv", rows)
    kept = read_table(tmp_path / "class_table.csv", COLUMNS)
    assert [tuple(row.values.values()) for row in kept.rows] == [tuple(map(str, row)) for row in rows]


@pytest.mark.parametrize("classes", [18, 20, 21, 300])
def test_a_table_of_more_than_twenty_classes_is_shortened_and_names_its_file(classes, tmp_path):
    columns = ("class", "images", "train images", "valid images")
    rows = [(f"c{i}", i % 7 + i, i, 7) for i in range(classes)]
    file = tmp_path / "class_table.csv"
    lines = in_short(columns, rows, file).splitlines()
    if classes <= 20:
        assert lines == format_table(columns, rows).splitlines()
        return
    assert len(lines) == 22
    assert lines[11] == f"... {classes - 20} more, all in {file}"
    shown = [int(line.split()[1]) for line in (*lines[1:11], *lines[12:])]
    images = sorted((row[1] for row in rows), reverse=True)
    assert shown == images[:10] + images[-10:]


def test_groups_are_called_what_the_reader_calls_them(mask_folder, tmp_path):
    data, _ = table_of(mask_folder, MaskTask())
    assert as_called(data, class_table(data, MaskTask()))[0] == COLUMNS
    data.group_words = ("patient", "patients")
    columns, rows = as_called(data, class_table(data, MaskTask()))
    assert columns[:6:2] == ("class", "images", "train images")
    assert columns[1::2] == ("patients", "train patients", "valid patients")
    data.groups = data.files  # each image its own
    columns, rows = as_called(data, class_table(data, MaskTask()))
    assert columns == ("class", "images", "train images", "valid images")
    assert len(rows[0]) == 4

"""What a relabel file has to say for another label: written, read again, and trained on."""

import csv

import numpy as np
import pytest

from dataset.readers.csv_dataset import CsvDataset
from dataset.readers.relabel import COLUMNS
from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from tests.digits import write_csv, write_images


def relabel(path, cells):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *((c.profile, c.field, c.after, "x") for c in cells)])
    return path


@pytest.mark.parametrize("joint", [False, True])
def test_each_label_of_a_person_can_be_corrected(mask_folder, tmp_path, joint):
    folder, task = mask_folder(6), MaskTask(joint=joint)
    options = {"root": folder.root, "task": task, "seed": 0, "folds": 2}
    before = SplitByProfileDataset(**options)
    place = {"mask": 0, "gender": 1, "age": 2}
    for row in (0, 5, 6):
        true = {view: task.answers(before.targets)[view][row] for view in place}
        for view in place:
            for label in range(len(task.questions[view])):
                facts = task.corrected(before.facts_of(row), view, label)
                cells = before.cells(row, facts)
                assert bool(cells) == (label != true[view])
                if cells:
                    after = SplitByProfileDataset(relabel=relabel(tmp_path / "r.csv", cells), **options)
                    trained = task.answers(after.train_targets)
                    expected = true | {view: label}
                    assert {name: trained[name][row] for name in place} == expected
                    changed = [
                        after.files[i]
                        for i in np.flatnonzero(trained[view] != task.answers(after.targets)[view])
                    ]
                    person = [
                        file
                        for file, group in zip(before.files, before.groups, strict=True)
                        if group == before.groups[row]
                    ]
                    assert changed == ([before.files[row]] if view == "mask" else person)
    assert before.of_group("age")
    assert not before.of_group("photo")


def test_the_nearest_age_of_another_band_is_suggested():
    facts = {"photo": "mask1", "gender": "male"}
    for age, label, expected in (
        ("57", 2, "60"),
        ("45", 0, "29"),
        ("18", 1, "30"),
        ("18", 2, "60"),
        ("61", 1, "59"),
    ):
        assert MaskTask().corrected(facts | {"age": age}, "age", label)["age"] == expected


TAGS = ["cat dog", "dog", "", "cat", "bird dog", "bird", "cat bird", "dog"]


def data_set(tmp_path, header, rows, task, **options):
    names = write_images(tmp_path / "train", np.zeros((len(rows), 4, 4), np.uint8))
    write_csv(tmp_path / "train.csv", ("image", *header), [[n, *r] for n, r in zip(names, rows, strict=True)])

    def load(**more):
        return CsvDataset(root=tmp_path, task=task, seed=0, extension=".png", folds=2, **options, **more)

    return load


def labels(data, row):
    return data.train_targets["labels"][row].tolist()


@pytest.mark.parametrize("cell", [True, False])
def test_one_of_many_labels_is_added_or_taken_away(tmp_path, cell):
    task = MultiLabelTask(root=tmp_path, labels_found=lambda: ("bird", "cat", "dog"))
    if cell:
        load = data_set(tmp_path, ["tags"], [[tags] for tags in TAGS], task, label_column="tags")
    else:
        rows = [[int(name in tags.split()) for name in ("bird", "cat", "dog")] for tags in TAGS]
        load = data_set(tmp_path, ["bird", "cat", "dog"], rows, task, label_columns="others")
    before = load()
    for row in range(len(TAGS)):
        for label in range(3):
            wanted = labels(before, row)
            wanted[label] = 1 - wanted[label]
            facts = task.corrected(before.facts_of(row), "labels", label, present=bool(wanted[label]))
            cells = before.cells(row, facts)
            assert len(cells) == 1
            after = load(relabel=relabel(tmp_path / "r.csv", cells))
            assert labels(after, row) == wanted
            others = [i for i in range(len(TAGS)) if i != row]
            assert after.train_targets["labels"][others].equal(before.train_targets["labels"][others])


@pytest.mark.parametrize("cell", [True, False])
def test_the_one_label_of_an_image_is_replaced(tmp_path, cell):
    task = ClassificationTask(root=tmp_path, labels_found=lambda: ("cat", "dog", "red fox"))
    kinds = ["cat", "dog", "red fox", "dog", "cat", "red fox"]
    if cell:
        from dataset.tasks.cells import Separator

        load = data_set(
            tmp_path, ["kind"], [[k] for k in kinds], task, label_column="kind", separator=Separator(None)
        )
    else:
        rows = [[int(kind == name) for name in ("cat", "dog", "red fox")] for kind in kinds]
        load = data_set(tmp_path, ["cat", "dog", "red fox"], rows, task, label_columns="others")
    before = load()
    for label in range(3):
        cells = before.cells(0, task.corrected(before.facts_of(0), "label", label))
        assert len(cells) == (0 if label == 0 else 1 if cell else 2)
        if cells:
            after = load(relabel=relabel(tmp_path / "r.csv", cells))
            assert after.train_targets["label"][0].argmax() == label


def test_a_level_takes_its_line_of_the_tree_along(tmp_path):
    rows = [
        ["pet", "cat", "tabby"],
        ["pet", "dog", "pug"],
        ["wild", "fox", "red"],
        ["wild", "fox", ""],
        ["pet", "dog", ""],
        ["pet", "", ""],
    ]
    levels = ("kind", "animal", "breed")
    found = [(f"line {i}", dict(zip(levels, row, strict=True))) for i, row in enumerate(rows)]
    task = HierarchyTask(root=tmp_path, rows_found=lambda: found, levels=levels)
    load = data_set(tmp_path, levels, rows, task)
    before = load()

    def after(row, level, label):
        place = task.tree.labels[levels.index(level)].index(label)
        cells = before.cells(row, task.corrected(before.facts_of(row), level, place))
        data = load(relabel=relabel(tmp_path / "r.csv", cells))
        answers = task.answers(data.train_targets)
        return [(*of, "")[int(answers[name][row])] for name, of in zip(levels, task.tree.labels, strict=True)]

    assert after(0, "breed", "red") == ["wild", "fox", "red"]
    assert after(0, "animal", "dog") == ["pet", "dog", ""]  # a tabby is no dog
    assert after(0, "kind", "wild") == ["wild", "", ""]
    assert after(4, "breed", "pug") == ["pet", "dog", "pug"]
    assert after(5, "kind", "wild") == ["wild", "", ""]


def test_what_the_table_says_is_kept_as_it_stands(mask_folder):
    data = SplitByProfileDataset(root=mask_folder(4).root, task=MaskTask(), seed=0, folds=2)
    facts = data.facts_of(data.files.index("train/images/000001_male_Asian_22/incorrect_mask.jpg"))
    assert facts == {
        "id": "000001", "gender": "male", "race": "Asian", "age": "22", "path": "000001_male_Asian_22",
        "photo": "incorrect_mask",
    }  # fmt: skip

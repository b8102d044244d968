"""A CSV of images and labels, as organisers and teams write them."""

import csv
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.base_dataset import DATASETS
from dataset.labels import labels_fact
from dataset.task import TASKS
from dataset.tasks.multi_label import MultiLabelTask
from utils.errors import ConfigError, DataError
from utils.registry import Component
from utils.tables import read_table


class Folder:
    """A data folder with ``train.csv`` and empty files in ``train``."""

    def __init__(self, root, columns, rows, *, files=None, suffix=".png", before="", newline="\n"):
        self.root = root
        (root / "train").mkdir(parents=True, exist_ok=True)
        for name in files if files is not None else [row[0] for row in rows]:
            (root / "train" / f"{name}{suffix}").parent.mkdir(parents=True, exist_ok=True)
            (root / "train" / f"{name}{suffix}").touch()
        with open(root / "train.csv", "w", encoding="utf-8", newline="") as file:
            file.write(before)
            csv.writer(file, lineterminator=newline).writerows([columns, *rows])

    def read(self, task="MultiLabelTask", *, labels=None, **options):
        component = Component.of("CsvDataset", **{"extension": ".png", "folds": 2} | options)
        found = lambda: self.names(**options)  # noqa: E731
        given_labels = {"labels": labels} if labels else {}
        built = TASKS.build(Component.of(task, **given_labels), root=self.root, labels_found=found)
        return DATASETS.build(component, root=self.root, task=built, seed=0)

    def names(self, **options):
        component = Component.of("CsvDataset", **{"extension": ".png", "folds": 2} | options)
        return DATASETS.get("CsvDataset").label_names(**DATASETS.arguments(component, root=self.root))

    def refusal(self, **options):
        with pytest.raises(DataError) as caught:
            self.read(**options)
        return str(caught.value)


def by_file(data, targets):
    values = next(iter(targets.values())).int().tolist()
    return {file.removeprefix("train/"): row for file, row in zip(data.files, values, strict=True)}


ROWS = [["a", "cat dog"], ["b", ""], ["c", "fox"], ["d", "dog NA"]]


def test_several_labels_in_a_cell(tmp_path):
    data = Folder(tmp_path, ("id", "tags"), ROWS).read(label_column="tags")
    assert by_file(data, data.targets) == {
        "a.png": [0, 1, 1, 0],  # NA cat dog fox: NA is a word
        "b.png": [0, 0, 0, 0],
        "c.png": [0, 0, 0, 1],
        "d.png": [1, 0, 1, 0],
    }
    assert data.groups == data.files == ("train/a.png", "train/b.png", "train/c.png", "train/d.png")


def test_a_column_of_zeros_and_ones_for_each_label(tmp_path):
    rows = [["a", "p1", "1", "0"], ["b", "p2", "0", "0.0"], ["c", "p1", "True", "1.0"], ["d", "p3", "0", "1"]]
    folder = Folder(tmp_path, ("id", "patient", "zebra", "ape"), rows)
    every = folder.read(label_columns="others", group_column="patient")
    assert by_file(every, every.targets)["c.png"] == [1, 1]
    assert folder.names(label_columns="others", group_column="patient") == ("zebra", "ape")  # as they stand
    named = folder.read(label_columns="ape, zebra")
    assert by_file(named, named.targets)["a.png"] == [0, 1]
    assert every.groups == ("p1", "p2", "p1", "p3")
    assert every.folds[0] == every.folds[2]


def test_one_label_a_cell_whatever_is_in_it(tmp_path):
    rows = [["a", "golden retriever"], ["b", "cat"], ["c", "cat"], ["d", "golden retriever"]]
    folder = Folder(tmp_path, ("file", "breed"), rows)
    data = folder.read("ClassificationTask", label_column="breed", separator="none")
    assert by_file(data, data.targets)["a.png"] == [0, 1]
    assert len(data.train_rows) == len(data.valid_rows) == 2
    message = folder.refusal(task="ClassificationTask", label_column="breed")
    assert "train.csv line 2: 2 labels ('golden', 'retriever') where one is right" in message


def test_the_teams_own_folds_are_kept(tmp_path):
    rows = [["a", "x", "0"], ["b", "x", "7"], ["c", "y", "7"], ["d", "y", "0"]]
    folder = Folder(tmp_path, ("id", "tags", "fold"), rows)
    data = folder.read(label_column="tags", fold_column="fold", valid_fold=7)
    assert [data.files[row] for row in data.valid_rows] == ["train/b.png", "train/c.png"]
    data.check_fold(0, "valid_fold")
    with pytest.raises(ConfigError, match=r"valid_fold = 1 is not one of the folds: 0, 7"):
        data.check_fold(1, "valid_fold")
    with pytest.raises(ConfigError, match="a group has images in two folds"):
        folder.read(label_column="tags", fold_column="fold", group_column="tags")
    rows[2][2] = "two"
    assert "line 4: fold = 'two' is not a whole number" in Folder(
        tmp_path, ("id", "t", "fold"), rows
    ).refusal(label_column="t", fold_column="fold")


def test_every_problem_of_a_table_is_in_one_error(tmp_path):
    rows = [
        ["a", "cat", "g"], ["gone", "cat", "g"], ["b", "kat", "g"], ["a", "dog", "g"], ["../x", "dog", "g"],
        ["c", "dog", ""], ["", "dog", "g"], ["A", "dog", "g"], ["sub", "cat", "g"],
    ]  # fmt: skip
    folder = Folder(tmp_path, ("id", "tags", "group"), rows, files=["a", "b", "c", "../x"])
    (tmp_path / "train" / "sub.png").mkdir()
    message = folder.refusal(label_column="tags", labels="cat, dog", group_column="group")
    for problem in (
        "has 9 problem(s)",
        "line 2: 'a' stands in 2 rows",
        f"line 3: there is no image {tmp_path}/train/gone.png",
        "line 4: label 'kat' is not one of cat, dog. Did you mean 'cat'?",
        "line 5: 'a' stands in 2 rows",
        "line 6: '../x.png' is not a file inside",
        "line 7: there is nothing in column 'group'",
        "line 8: '' is not a file inside",
        "line 9: there is no image",
        "Did you mean 'a.png'?",
        "line 10: there is no image",
        "on_bad_row = skip",
    ):
        assert problem in message, problem


def test_rows_with_problems_can_be_left_out_and_are_named(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), [*ROWS, ["gone", "cat"]], files=[row[0] for row in ROWS])
    data = folder.read(label_column="tags", on_bad_row="skip")
    assert len(data.files) == 4
    assert [problem.split(":")[0] for problem in data.skipped] == ["train.csv line 6"]


def test_a_forgotten_extension_is_told(tmp_path):
    message = Folder(tmp_path, ("id", "tags"), ROWS).refusal(label_column="tags", extension="none")
    assert "4 of 4 do (then 'a' is a.png) with this in [dataset]:\n    extension = .png" in message


def test_bom_crlf_korean_names_subfolders_and_leading_zeros_work(tmp_path):
    names = ["0007", unicodedata.normalize("NFD", "사진"), "deep/er/1", "NA"]
    composed = [[unicodedata.normalize("NFC", name), "개 고양이"] for name in names]
    folder = Folder(
        tmp_path, ("id", "tags"), composed, files=names, before="\ufeff", newline="\r\n"
    )  # a Mac's names on disk
    data = folder.read(label_column="tags")
    assert sorted(data.files) == sorted(f"train/{name}.png" for name in names)
    assert folder.names(label_column="tags") == ("개", "고양이")


def test_wrong_columns_are_named_with_the_nearest_ones(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), ROWS)
    message = folder.refusal(label_column="tag", group_column="it", labels="a, b")
    assert "Unknown column 'tag'. Did you mean 'tags'?" in message
    assert "Unknown column 'it'" in message
    with pytest.raises(ConfigError, match="can't both be given"):
        folder.read(label_column="tags", label_columns="others", labels="a, b")
    assert "tags = 'cat dog' is not 0 or 1" in folder.refusal(label_columns="others")


def test_a_table_without_label_columns_has_no_labels_to_find(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), ROWS)
    with pytest.raises(ConfigError, match=r"no list of labels: write them in \[task\] labels"):
        folder.read()
    assert "name its column in [dataset] label_column" in folder.refusal(labels="a, b")


def test_corrections_touch_training_only(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), ROWS)
    relabel = tmp_path / "relabel.csv"
    relabel.write_text("profile,field,value,reason\na,tags,fox,looked at it\n")
    data = folder.read(label_column="tags", relabel=relabel)
    assert by_file(data, data.targets)["a.png"] == [0, 1, 1, 0]
    assert by_file(data, data.train_targets)["a.png"] == [0, 0, 0, 1]
    relabel.write_text("profile,field,value,reason\ne,tags,fox,?\n")
    assert "profile 'e' matches no image" in folder.refusal(label_column="tags", relabel=relabel)
    relabel.write_text("profile,field,value,reason\na,tags,bear,?\n")
    message = folder.refusal(label_column="tags", relabel=relabel)
    assert message.startswith(str(relabel))
    assert "a: label 'bear' is not one of" in message
    with pytest.raises(ConfigError, match=r"relabel: nothing can be corrected: .* label space \(labels\)"):
        folder.read(labels="cat, dog", relabel=relabel)


def test_images_of_one_folder_may_belong_together(tmp_path):
    rows = [[f"p{person}/{photo}", "cat"] for person in range(4) for photo in "ab"]
    folder = Folder(tmp_path, ("id", "tags"), rows)
    data = folder.read(label_column="tags", group_folders="yes")
    assert data.groups == tuple(f"train/p{person}" for person in range(4) for _ in "ab")
    assert len(data.valid_rows) == 4
    with pytest.raises(ConfigError, match="can't both be given"):
        folder.read(label_column="tags", group_folders="yes", group_column="tags")


@given(st.integers(12, 60), st.integers(2, 4), st.integers(0, 99))
def test_each_image_validates_in_one_fold_and_groups_stay_together(tmp_path_factory, images, folds, seed):
    generator = np.random.default_rng(seed)
    rows = [[f"{i:03d}", " ".join(generator.choice(list("xyz"), 2)), f"g{i % 10}"] for i in range(images)]
    folder = Folder(tmp_path_factory.mktemp("any"), ("id", "tags", "group"), rows)
    seen = []
    for fold in range(folds):
        data = folder.read(label_column="tags", group_column="group", folds=folds, valid_fold=fold)
        groups = np.array(data.groups)
        assert not set(groups[data.train_rows]) & set(groups[data.valid_rows])
        seen += data.valid_rows.tolist()
    assert sorted(seen) == list(range(images))


def test_the_order_of_rows_does_not_change_the_split(tmp_path):
    rows = [[f"{i:03d}", "xyz"[i % 3]] for i in range(40)]
    first = Folder(tmp_path, ("id", "tags"), rows).read(label_column="tags")
    again = Folder(tmp_path, ("id", "tags"), rows[::-1]).read(label_column="tags")
    assert first.files == again.files
    assert np.array_equal(first.folds, again.folds)


def test_a_random_split_and_too_few_images(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), ROWS)
    assert np.bincount(folder.read(label_column="tags", split="random").folds).tolist() == [2, 2]
    assert "4 usable images or groups of images for 5 folds" in folder.refusal(label_column="tags", folds=5)


def test_a_task_of_ones_own_gets_every_column(tmp_path):
    folder = Folder(tmp_path, ("id", "tags", "level 1"), [[*row, "animal"] for row in ROWS])
    seen = []

    class Own(MultiLabelTask):
        def encode(self, facts):
            seen.append(dict(facts))
            return {"labels": ()}

    task = Own(root=tmp_path, labels_found=lambda: ("a",))
    DATASETS.build(Component.of("CsvDataset", extension=".png", folds=2), root=folder.root, task=task, seed=0)
    assert {"id": "a", "tags": "cat dog", "level 1": "animal"} in seen
    assert labels_fact(["a"]).keys().isdisjoint(seen[0])


def test_the_data_folder_is_left_as_it_is(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), ROWS)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    folder.read(label_column="tags")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert len(read_table(tmp_path / "train.csv", ("id",)).rows) == 4

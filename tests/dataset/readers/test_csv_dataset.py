"""A CSV of images and labels, as organisers and teams write them."""

import csv
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.readers.base import DATASETS
from dataset.tasks.base import TASKS
from dataset.tasks.labels import labels_fact
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


def test_two_columns_of_one_in_a_row_are_no_label_with_a_space_in_it(tmp_path):
    rows = [["a", "1", "0"], ["b", "0", "1"], ["c", "1", "1"]]
    refused = Folder(tmp_path, ("id", "cat", "dog"), rows).refusal(
        task="ClassificationTask", label_columns="others"
    )
    assert "train.csv line 4: 2 labels ('cat', 'dog') where one is right\n" in refused


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


def test_equal_rows_count_once_and_others_are_named_with_both_lines(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), [*ROWS, ["a", "cat dog"], ["a ", " cat dog"]])
    data = folder.read(label_column="tags")
    assert len(data.files) == 4
    assert data.notes == tuple(
        f"train.csv line {n} repeats train.csv line 2: it is kept once" for n in (6, 7)
    )
    message = Folder(tmp_path, ("id", "tags"), [*ROWS, ["a", "fox"]]).refusal(label_column="tags")
    assert "line 2: 'a' stands in 2 rows, in train.csv line 6 with another tags ('fox' there" in message
    assert "line 6: 'a' stands in 2 rows, in train.csv line 2" in message


@pytest.mark.parametrize("index", ["", "Unnamed: 0", "index"])
def test_only_columns_of_0_and_1_are_labels_and_the_others_are_named(tmp_path, index):
    rows = [[f"{i}", i, i % 2, "True" if i % 3 else "False", f"n{i}", 20 + i] for i in range(12)]
    folder = Folder(tmp_path, ("id", index, "cat", "dog", "note", "age"), rows)
    data = folder.read(label_columns="others", image_column="id")
    assert folder.names(label_columns="others", image_column="id") == ("cat", "dog")
    assert by_file(data, data.targets)["3.png"] == [1, 0]
    (note,) = data.notes
    assert f"{index!r} is an index; note = 'n0' is not 0 or 1; age = '20' is not 0 or 1" in note


def test_a_typing_error_in_a_column_of_0_and_1_is_an_error_and_no_reason_to_leave_it_out(tmp_path):
    rows = [[f"{i}", i % 2, "o" if i == 5 else 0] for i in range(12)]
    message = Folder(tmp_path, ("id", "cat", "dog"), rows).refusal(label_columns="others")
    assert "train.csv line 7: dog = 'o' is not 0 or 1" in message


def test_one_person_who_is_spelt_in_two_ways_is_one_group(tmp_path):
    people = ["김", "이", "박", "최"]
    rows = [[f"{i}", "cat", unicodedata.normalize(("NFC", "NFD")[i % 2], people[i // 3])] for i in range(12)]
    folder = Folder(tmp_path, ("id", "tags", "사람"), rows)
    data = folder.read(label_column="tags", group_column=unicodedata.normalize("NFD", "사람"))
    assert set(data.groups) == set(people)
    table = tmp_path / "folds.csv"
    named = "".join(f"{unicodedata.normalize('NFD', name)},{i}\n" for i, name in enumerate(people))
    table.write_text("group,fold\n" + named, encoding="utf-8")
    data = folder.read(label_column="tags", group_column="사람", fold_table=table)
    assert data.folds.tolist() == [people.index(group) for group in data.groups]


def test_corrections_and_labels_are_found_however_they_are_spelt(tmp_path):
    decomposed = unicodedata.normalize("NFD", "고양이")
    folder = Folder(tmp_path, ("id", "tags"), [["가", "개"], ["b", decomposed], ["c", "고양이"]])
    relabel = tmp_path / "relabel.csv"
    profile = unicodedata.normalize("NFD", "가")
    relabel.write_text(f"profile,field,value,reason\n{profile},tags,{decomposed},?\n", encoding="utf-8")
    data = folder.read(label_column="tags", relabel=relabel)
    assert by_file(data, data.targets) == {"가.png": [1, 0], "b.png": [0, 1], "c.png": [0, 1]}
    assert by_file(data, data.train_targets)["가.png"] == [0, 1]
    typed = folder.read(label_column="tags", labels=f"{decomposed}, 개")
    assert by_file(typed, typed.targets)["c.png"] == [1, 0]


def test_cells_that_are_lists_are_labels_and_can_be_corrected(tmp_path):
    rows = [["a", "['cat', 'red fox']"], ["b", "[]"], ["c", "['cat']"]]
    folder = Folder(tmp_path, ("id", "tags"), rows)
    with pytest.raises(ConfigError, match=r"such as separator = comma in \[task\]"):
        folder.read(label_column="tags")
    rows[0][1] = "['cat', 'fox']"
    folder = Folder(tmp_path, ("id", "tags"), rows)
    data = folder.read(label_column="tags")
    assert folder.names(label_column="tags") == ("cat", "fox")
    assert by_file(data, data.targets) == {"a.png": [1, 1], "b.png": [0, 0], "c.png": [1, 0]}
    (cell,) = data.cells(2, data.facts_of(2) | labels_fact([]))
    assert (cell.before, cell.after) == ("cat", "")
    wrong = Folder(tmp_path, ("id", "tags"), [*rows, ["d", "{'cat': 1}"]])
    assert "train.csv line 5" in wrong.refusal(label_column="tags")
    assert "is a mapping" in wrong.refusal(label_column="tags", labels="cat, fox")


def test_what_is_odd_about_labels_is_noted_and_told_with_an_error(tmp_path):
    folder = Folder(tmp_path, ("id", "tags"), [["a", "cat|dog"], ["b", "dog"], ["c", "cat"]])
    assert "write separator = | in [dataset]" in folder.read(label_column="tags").notes[0]
    assert "write separator = | in [dataset]" in folder.refusal(label_column="tags", labels="cat, dog")


@pytest.mark.parametrize("fold", ["9" * 30, "9" * 5000, "1e400"])
def test_a_fold_that_no_number_holds_is_refused(tmp_path, fold):
    rows = [["a", "cat", "0"], ["b", "cat", fold]]
    message = Folder(tmp_path, ("id", "t", "fold"), rows).refusal(label_column="t", fold_column="fold")
    assert "train.csv line 3: fold = " in message

"""A folder of images for each class, and a folder of images to predict."""

import functools
import os
import shutil
import unicodedata

import numpy as np
import pytest

from dataset.readers.base import DATASETS
from dataset.readers.eval_base import TEST_DATASETS
from dataset.tasks.base import TASKS
from dataset.tasks.labels import labels_fact
from tests.digits import digits, write_folders
from utils.errors import DataError
from utils.registry import Component


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names_in(root, **options):
    component = Component.of("FolderDataset", **options)
    return DATASETS.get("FolderDataset").label_names(**DATASETS.arguments(component, root=root))


def read(root, **options):
    names = lambda: names_in(root, **options)  # noqa: E731
    task = TASKS.build(Component.of("ClassificationTask"), root=root, labels_found=names)
    return DATASETS.build(Component.of("FolderDataset", **options), root=root, task=task, seed=0)


def test_handwritten_digits_in_folders(tmp_path):
    write_folders(tmp_path, range(300))
    data = read(tmp_path)
    assert names_in(tmp_path) == tuple("0123456789")
    rows = [int(file[-8:-4]) for file in data.files]
    assert sorted(rows) == list(range(300))
    labels = digits()[1]
    assert data.targets["label"].argmax(1).tolist() == [labels[row] for row in rows]
    for digit in range(10):
        counts = np.bincount(data.folds[data.targets["label"][:, digit].numpy() > 0], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_deep_files_other_suffixes_and_korean_folders_work_and_dot_files_are_skipped(tmp_path):
    touch(tmp_path / "train", "개/1.JPG", "개/deep/2.webp", "고양이/._1.jpg", "고양이/3.jpeg", ".git/x.jpg")
    data = read(tmp_path, folds=2)
    assert data.files == ("train/개/1.JPG", "train/개/deep/2.webp", "train/고양이/3.jpeg")
    assert data.targets["label"].argmax(1).tolist() == [0, 0, 1]


def test_a_class_folder_without_an_image_is_named(tmp_path):
    touch(tmp_path / "train", "a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg", ".git/x", "__MACOSX/a/._1.jpg")
    (tmp_path / "train" / "c" / "deep").mkdir(parents=True)
    (note,) = [note for note in read(tmp_path, folds=2).notes if "no class is made of it" in note]
    assert note == f"{tmp_path}/train: no image is used in c: no class is made of it."


def test_of_the_parts_of_a_data_set_the_training_one_is_proposed(tmp_path):
    touch(
        tmp_path / "train", *(f"{part}/{label}/1.jpg" for part in ("test", "train", "val") for label in "ab")
    )
    with pytest.raises(DataError, match=r"set images = train/train in \[dataset\]"):
        read(tmp_path)


def test_one_class_alone_is_a_fault_of_the_data_and_of_no_line_of_the_config(tmp_path):
    touch(tmp_path / "train", "a/1.jpg", "a/2.jpg")
    with pytest.raises(DataError, match="All training images have the label 'a': nothing to tell apart"):
        read(tmp_path, folds=2)


def test_a_name_that_is_no_utf8_text_is_refused_or_left_out_as_no_table_could_hold_it(tmp_path):
    touch(tmp_path / "train", "a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg")
    touch(tmp_path / "test", "1.jpg")
    for name in (b"train/a/\xff.jpg", b"train/\xc0\xcb", b"test/\xb0.jpg"):
        shutil.copy(tmp_path / "test" / "1.jpg", os.fsdecode(bytes(tmp_path) + b"/" + name))

    with pytest.raises(DataError) as caught:
        read(tmp_path, folds=2)
    assert f"{tmp_path}/train/a/\\udcff.jpg: its name is not UTF-8 text. Rename it" in str(caught.value)
    assert f"{tmp_path}/train/\\udcc0\\udccb: its name is not UTF-8 text. Rename it" in str(caught.value)
    left = read(tmp_path, folds=2, on_bad_file="skip")
    assert left.files == ("train/a/1.jpg", "train/a/2.jpg", "train/b/3.jpg", "train/b/4.jpg")
    assert len(left.skipped) == 2

    with pytest.raises(DataError, match=r"udcb0\.jpg: its name is not UTF-8 text"):
        eval_folder(tmp_path)


def test_every_file_at_fault_is_in_one_error_or_left_out_and_named(tmp_path):
    touch(
        tmp_path / "train", "a/1.jpg", "a/2.jpg", "b/3.jpg", "b/Makefile.in", "stray.jpg", "empty/notes.txt"
    )
    with pytest.raises(DataError) as caught:
        read(tmp_path, folds=2)
    message = str(caught.value)
    assert "has 3 problem(s)" in message
    assert "Makefile.in is not one of .jpg" in message
    assert "stray.jpg is in no class's folder" in message
    assert "on_bad_file = skip" in message
    data = read(tmp_path, folds=2, on_bad_file="skip")
    assert len(data.files) == len(data.skipped) == 3
    assert data.targets["label"].shape == (3, 2)  # a folder without an image is no class


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        read(tmp_path)


def test_facts_name_the_folder_for_a_task_of_ones_own(tmp_path):
    touch(tmp_path / "train", "a/1.jpg", "b/2.jpg")
    seen = []
    task = TASKS.build(Component.of("ClassificationTask", labels="a, b"), root=tmp_path, labels_found=None)
    encode, task.encode = task.encode, lambda facts: seen.append(facts) or encode(facts)
    DATASETS.build(Component.of("FolderDataset", folds=2), root=tmp_path, task=task, seed=0)
    assert seen[0] == {"folder": "a", "file": "train/a/1.jpg"} | labels_fact(["a"])


def eval_folder(root, **options):
    task = TASKS.build(Component.of("ClassificationTask", labels="a, b"), root=root, labels_found=None)
    return TEST_DATASETS.build(Component.of("FolderTestDataset", **options), root=root, task=task)


def test_a_plain_folder_is_predicted_in_the_order_of_its_names(tmp_path):
    touch(tmp_path / "test", "b.jpg", "a.png", "sub/c.jpg", ".DS_Store")
    images = eval_folder(tmp_path)
    assert images.columns == ("id", "label")
    assert images.ids == ("a.png", "b.jpg", "sub/c.jpg")
    assert images.files == ("test/a.png", "test/b.jpg", "test/sub/c.jpg")
    assert eval_folder(tmp_path, with_extension=False, id_column="image").ids == ("a", "b", "sub/c")


def test_what_is_no_image_or_has_anothers_id_is_refused(tmp_path):
    touch(tmp_path / "test", "a.jpg", "a.png", "readme.txt")
    with pytest.raises(DataError) as caught:
        eval_folder(tmp_path, with_extension=False)
    assert "readme.txt is not one of" in str(caught.value)
    assert "2 images have the id 'a'" in str(caught.value)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no image in it"):
        eval_folder(tmp_path, images="none")


def write(path, text):
    path.write_text(text, encoding="utf-8")


def test_a_sample_submission_gives_columns_ids_and_order(tmp_path):
    touch(tmp_path / "test", "1.jpg", "2.jpg", "3.jpg")
    write(tmp_path / "sample.csv", "image,label\n3,a\n1,a\n2,a\n")
    options = {"table": "sample.csv", "images": "test", "extension": ".jpg"}
    images = TEST_DATASETS.build(Component.of("TestDataset", **options), root=tmp_path)
    assert (images.columns, images.ids) == (("image", "label"), ("3", "1", "2"))
    assert images.files == ("test/3.jpg", "test/1.jpg", "test/2.jpg")


def test_a_table_of_files_and_a_template_of_ids_are_joined(tmp_path):
    touch(tmp_path / "test", "x.jpg", "y.jpg", "z.jpg")
    write(tmp_path / "test.csv", "id,site,path\n001,A,x.jpg\n002,A,y.jpg\n003,B,z.jpg\n")
    write(tmp_path / "sample.csv", "image,cat,dog\n003,0,0\n001,0,0\n")
    options = {"table": "test.csv", "images": "test", "image_column": "path", "template": "sample.csv"}
    images = TEST_DATASETS.build(Component.of("TestDataset", **options), root=tmp_path)
    assert (images.columns, images.ids) == (("image", "cat", "dog"), ("003", "001"))
    assert images.files == ("test/z.jpg", "test/x.jpg")
    write(tmp_path / "sample.csv", "image,cat,dog\n003,0,0\n3,0,0\n003,0,1\n")
    with pytest.raises(DataError) as caught:
        TEST_DATASETS.build(Component.of("TestDataset", **options), root=tmp_path)
    assert "sample.csv line 4: id '003' stands in 2 rows, in sample.csv line 2" in str(caught.value)
    assert "sample.csv line 3: '3' is in no row of test.csv" in str(caught.value)


NFD = functools.partial(unicodedata.normalize, "NFD")


def test_class_folders_of_a_mac_are_the_labels_as_everybody_else_writes_them(tmp_path):
    for number in range(12):
        touch(tmp_path / NFD("훈련") / NFD(("개", "고양이")[number % 2]), NFD(f"사진{number}.png"))
    touch(tmp_path / NFD("훈련") / "개", "b.png")  # as somebody else has added one
    assert names_in(tmp_path, images="훈련") == ("개", "고양이")
    names = lambda: names_in(tmp_path, images="훈련")  # noqa: E731
    for labels in ({}, {"labels": "개, 고양이"}, {"labels": NFD("개, 고양이")}):
        task = TASKS.build(Component.of("ClassificationTask", **labels), root=tmp_path, labels_found=names)
        data = DATASETS.build(Component.of("FolderDataset", images="훈련"), root=tmp_path, task=task, seed=0)
        assert data.targets["label"].sum(0).tolist() == [7, 6]
        assert all((tmp_path / file).is_file() for file in data.files)
        assert set(data.groups) == set(data.names) == {unicodedata.normalize("NFC", f) for f in data.files}


def test_two_files_of_which_only_the_spelling_differs_are_named(tmp_path):
    touch(tmp_path / "train", "a/1.png", "a/2.png", "b/1.png", "b/é.png", NFD("b/é.png"))
    with pytest.raises(DataError, match=r"2 files are called 'train/b/é\.png'"):
        read(tmp_path, folds=2)


def test_nearly_as_many_class_folders_as_images_are_said(tmp_path):
    touch(tmp_path / "train", *(f"person{i}/1.png" for i in range(10)))
    assert "10 class folders for 10 images" in read(tmp_path).notes[0]


def test_ids_and_columns_of_a_template_are_kept_as_they_are_written(tmp_path):
    touch(tmp_path / "test", "1.jpg", NFD("사진.jpg"))
    write(tmp_path / "sample.csv", f"image, {NFD('개')}\n 1.jpg ,0\n사진.jpg,0\n 1.jpg ,0\n")
    options = {"table": "sample.csv", "images": "test"}
    images = TEST_DATASETS.build(Component.of("TestDataset", **options), root=tmp_path)
    assert (images.header, images.ids) == (("image", f" {NFD('개')}"), (" 1.jpg ", "사진.jpg"))
    assert (images.columns, images.names) == (("image", "개"), ["1.jpg", "사진.jpg"])
    assert images.files == ("test/1.jpg", f"test/{NFD('사진.jpg')}")

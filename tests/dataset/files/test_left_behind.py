"""What systems leave in folders of images is left out and named; an image is one, whatever its kind."""

import logging

import cv2
import numpy as np
import pytest

from dataset.files.image_folder import SUFFIXES
from dataset.files.left_behind import is_left_behind
from dataset.images.decode import UnreadableImage, decode
from dataset.readers.base import DATASETS
from dataset.readers.eval_base import TEST_DATASETS
from dataset.tasks.base import TASKS
from tests.conftest import MaskFolder
from utils.errors import DataError
from utils.registry import Component

JUNK = (
    "Thumbs.db", "THUMBS.DB", ".DS_Store", "desktop.ini", "Desktop.ini", "._0.png", "__MACOSX/._0.png",
    "@eaDir/0.png/SYNOPHOTO_THUMB.jpg", ".ipynb_checkpoints/0-checkpoint.png", "Icon\r",
    "0.png:Zone.Identifier", "$RECYCLE.BIN/x.png", "~$labels.xlsx", "0.png~",
)  # fmt: skip


@pytest.fixture
def task(tmp_path):
    return TASKS.build(Component.of("ClassificationTask", labels="a, b"), root=tmp_path, labels_found=None)


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize("junk", JUNK)
def test_it_is_left_out_of_eval_images_and_of_classes_and_named_in_one_line(tmp_path, task, caplog, junk):
    caplog.set_level(logging.INFO, logger="podium")
    fill(tmp_path, "test/0.png", f"test/{junk}", "train/a/0.png", "train/b/0.png", f"train/a/{junk}")
    images = TEST_DATASETS.build(Component.of("FolderTestDataset"), root=tmp_path, task=task)
    assert images.ids == ("0.png",)
    data = DATASETS.build(Component.of("FolderDataset", folds=2), root=tmp_path, task=task, seed=0)
    assert data.files == ("train/a/0.png", "train/b/0.png")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert all(f"left behind ({junk.split('/')[0]}): left out" in line for line in lines)


def test_many_are_one_line(tmp_path, task, caplog):
    caplog.set_level(logging.INFO, logger="podium")
    fill(tmp_path / "test", "0.png", *(f"._{number}.png" for number in range(50)))
    TEST_DATASETS.build(Component.of("FolderTestDataset"), root=tmp_path, task=task)
    (record,) = caplog.records
    assert (
        "50 files or folders that a system or a program left behind (._0.png, ._1.png" in record.getMessage()
    )


@pytest.mark.parametrize("name", ["0.png", "thumbs.png", "icon", "MACOSX", "a~b.jpg", "recycle", "x.ini"])
def test_a_name_that_only_looks_like_it_is_an_images(name):
    assert not is_left_behind(name)


def test_another_file_is_refused_or_left_out_as_the_config_says(tmp_path, task, caplog):
    fill(tmp_path / "test", "0.png", "notes.txt")
    with pytest.raises(DataError, match=r"notes.txt is not one of .jpg(.|\n)*on_bad_file = skip"):
        TEST_DATASETS.build(Component.of("FolderTestDataset"), root=tmp_path, task=task)
    chosen = Component.of("FolderTestDataset", on_bad_file="skip")
    assert TEST_DATASETS.build(chosen, root=tmp_path, task=task).ids == ("0.png",)
    assert "notes.txt" in caplog.text


def test_it_is_left_out_of_peoples_folders(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="podium")
    folder = MaskFolder(tmp_path / "data", 4)
    fill(folder.folder(0), "Thumbs.db", "__MACOSX/x")
    fill(folder.images, "@eaDir/x")
    task = TASKS.build(Component.of("MaskTask"))
    chosen = Component.of("SplitByProfileDataset", folds=2)
    data = DATASETS.build(chosen, root=folder.root, task=task, seed=0)
    assert (len(data.files), data.skipped) == (28, ())
    assert "3 files or folders that a system or a program left behind" in caplog.text


PIXELS = np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8)


NOT_READ = (".hdr", ".pic", ".pfm", ".ras", ".sr")  # of light, or of a kind that nobody has


@pytest.mark.parametrize("suffix", sorted({*SUFFIXES} - {".jfif"}))
def test_every_kind_of_image_in_class_folders_is_decoded_or_named(tmp_path, suffix):
    floats = suffix in (".hdr", ".pic", ".pfm")
    pixels = PIXELS[..., 0] if suffix in (".pbm", ".pgm") else PIXELS
    if not cv2.haveImageWriter(f"x{suffix}"):
        pytest.skip(f"this OpenCV writes no {suffix}")
    ok, data = cv2.imencode(suffix, np.float32(pixels) / 255 if floats else pixels)
    assert ok
    path = tmp_path / f"0{suffix}"
    path.write_bytes(np.asarray(data, dtype=np.uint8).tobytes())
    if suffix not in NOT_READ:
        assert decode(path).shape == PIXELS.shape
        return
    with pytest.raises(UnreadableImage, match=r"not read|that is read"):
        decode(path)


def test_every_kind_that_this_opencv_writes_is_one_in_class_folders(tmp_path, task):
    kinds = ("jpg", "png", "gif", "webp", "tiff", "jp2", "ppm", "avif", "bmp")
    kinds = [kind for kind in kinds if cv2.haveImageWriter(f"x.{kind}")]
    fill(tmp_path / "train", *(f"a/0.{kind.upper()}" for kind in kinds), "b/0.png")
    data = DATASETS.build(Component.of("FolderDataset", folds=2), root=tmp_path, task=task, seed=0)
    assert len(data.files) == len(kinds) + 1


def test_an_image_without_an_ending_is_one(tmp_path, task):
    fill(tmp_path / "train", "a/0.png", "b/0.png")
    (tmp_path / "train" / "b" / "00017").write_bytes(cv2.imencode(".png", PIXELS)[1].tobytes())
    data = DATASETS.build(Component.of("FolderDataset", folds=2), root=tmp_path, task=task, seed=0)
    assert "train/b/00017" in data.files

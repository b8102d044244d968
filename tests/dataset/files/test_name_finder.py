"""Tables whose names are not those of files: one cause, and the line for the config that mends it."""

import logging
import shutil

import pytest

from dataset.readers.base import DATASETS
from dataset.readers.eval_base import TEST_DATASETS
from dataset.tasks.base import TASKS
from tests.conftest import MaskFolder
from utils.errors import DataError
from utils.registry import Component

NAMES = [f"{number:03d}" for number in range(10)]


class Folder:
    """A data folder with images in ``train`` and ``test`` and a table of each."""

    def __init__(self, root, files):
        self.root = root
        for folder in ("train", "test"):
            for file in files:
                (root / folder / file).parent.mkdir(parents=True, exist_ok=True)
                (root / folder / file).touch()

    def write(self, *rows):
        """Write a table of these rows; the first is its header."""
        text = "\n".join(",".join(row) for row in rows) + "\n"
        (self.root / "table.csv").write_text(text, encoding="utf-8")

    def labelled(self, names):
        self.write(("image", "label"), *((name, "ab"[number % 2]) for number, name in enumerate(names)))

    def train(self, **options):
        task = TASKS.build(
            Component.of("ClassificationTask", labels="a, b"), root=self.root, labels_found=None
        )
        options = {"table": "table.csv", "label_column": "label", "folds": 2} | options
        return DATASETS.build(Component.of("CsvDataset", **options), root=self.root, task=task, seed=0)

    def test(self, **options):
        chosen = Component.of("TestDataset", **{"table": "table.csv", "images": "test"} | options)
        return TEST_DATASETS.build(chosen, root=self.root)

    def advice(self, read=None, **options):
        """Return the lines that are to be written into the config."""
        with pytest.raises(DataError) as caught:
            (read or self.train)(**options)
        message = str(caught.value)
        assert message.count("table.csv") == 1, message
        return dict(line.strip().split(" = ") for line in message.splitlines()[1:])


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path, [f"{name}.png" for name in NAMES])


@pytest.mark.parametrize(
    ("form", "options", "advice"),
    [
        ("{}", {}, {"extension": ".png"}),
        ("{}", {"extension": ".jpg"}, {"extension": ".png"}),
        ("{}.jpg", {}, {"extension": "any"}),
        ("{}.png", {"extension": ".png"}, {"extension": "none"}),
        ("data\\train\\{}", {}, {"repair_names": "slashes, drop 2", "extension": ".png"}),
        ("'{}.png'", {}, {"repair_names": "unquote"}),
    ],
)
def test_what_is_advised_is_right_when_it_is_written(folder, form, options, advice):
    folder.labelled([form.format(name) for name in NAMES])
    assert folder.advice(**options) == advice
    assert folder.advice(folder.test, **(options or {"extension": ".bmp"}))
    files = tuple(f"train/{name}.png" for name in NAMES)
    assert folder.train(**options | advice).files == files
    assert [file.split("/")[1] for file in folder.test(**options | advice).files] == [
        f"{n}.png" for n in NAMES
    ]


def test_mixed_endings_are_found_by_their_stems(tmp_path):
    folder = Folder(tmp_path, [f"{name}{('.png', '.JPG')[number == 4]}" for number, name in enumerate(NAMES)])
    folder.labelled(NAMES)
    assert folder.advice(extension=".png") == {"extension": "any"}
    assert "train/004.JPG" in folder.train(extension="any").files


def test_two_files_of_one_stem_are_not_guessed_at(tmp_path):
    folder = Folder(tmp_path, [*(f"{name}.png" for name in NAMES), "000.jpg"])
    folder.labelled(NAMES)
    with pytest.raises(DataError, match=r"line 2: '000' may be 000.jpg or 000.png"):
        folder.train(extension="any")


def test_an_extension_without_its_dot_is_meant_with_it(folder):
    folder.labelled(NAMES)
    assert len(folder.train(extension="png").files) == 10
    assert folder.test(extension="png").files[0] == "test/000.png"


def test_an_index_column_of_pandas_is_not_the_images(folder):
    rows = [(str(900 + number), f"{name}.png", "a") for number, name in enumerate(NAMES)]
    folder.write(("", "image", "label"), *rows)
    assert folder.advice() == {"image_column": "image"}
    assert len(folder.train(image_column="image").files) == 10
    assert folder.advice(folder.test) == {"image_column": "image"}
    assert folder.test(image_column="image").ids == tuple(str(900 + number) for number in range(10))


def test_an_index_that_happens_to_number_the_files_is_no_reason_to_guess(tmp_path):
    folder = Folder(tmp_path, [f"{number}.png" for number in range(10)])
    rows = [(str(number), f"{9 - number}.png", "a") for number in range(10)]
    folder.write(("Unnamed: 0", "image", "label"), *rows)
    assert folder.advice(folder.test) == {"image_column": "image"}


def test_files_in_a_folder_below_or_in_another_one_are_found(tmp_path):
    files = [f"{name}.png" for name in NAMES]
    folder = Folder(tmp_path, [f"inner/{file}" for file in files])
    folder.labelled(files)
    assert folder.advice() == {"images": "train/inner"}
    (tmp_path / "train" / "inner").rename(tmp_path / "pictures")
    (tmp_path / "train" / "x.png").touch()
    with pytest.raises(DataError, match="files of these names are in pictures too"):
        folder.train()
    shutil.rmtree(tmp_path / "test")
    assert folder.advice() == {"images": "pictures"}
    assert len(folder.train(images="pictures").files) == 10


def test_files_in_many_folders_are_found_by_their_names(tmp_path):
    folder = Folder(tmp_path, [f"{number % 3}/{name}.png" for number, name in enumerate(NAMES)])
    folder.labelled([f"{name}.png" for name in NAMES])
    assert folder.advice() == {"repair_names": "deeper"}
    assert folder.train(repair_names="deeper").files[0] == "train/0/000.png"


def test_where_nothing_helps_both_sides_are_shown_once(folder):
    folder.labelled([f"patient-{number}" for number in range(10)])
    with pytest.raises(DataError) as caught:
        folder.train()
    message = str(caught.value)
    assert "10 of 10 rows name no file in" in message
    assert "the table says 'patient-0', 'patient-1', 'patient-2'" in message
    assert "The 10 file(s) there are such as '000.png', '001.png', '002.png'" in message
    assert "\n" not in message


def test_a_few_missing_files_are_listed_as_they_are(folder):
    folder.labelled([*(f"{name}.png" for name in NAMES[:8]), "gone.png", "lost.png"])
    with pytest.raises(DataError) as caught:
        folder.train()
    assert "has 2 problem(s)" in str(caught.value)
    assert len(folder.train(on_bad_row="skip").files) == 8


def test_an_empty_folder_and_an_archive_are_named(tmp_path):
    folder = Folder(tmp_path, [])
    folder.labelled([f"{name}.png" for name in NAMES])
    (tmp_path / "train_images").mkdir()
    with pytest.raises(DataError, match=r"There is no folder .*Did you mean images = train_images"):
        folder.train()
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="There is no file in it: are the images elsewhere, or not unpacked"):
        folder.train()
    (tmp_path / "train.zip").touch()
    with pytest.raises(DataError, match=r"is a file, not a folder. Is it an archive"):
        folder.train(images="train.zip")


def test_an_ending_that_the_template_lacks_is_added_by_itself_and_ids_stay(folder, caplog):
    caplog.set_level(logging.INFO, logger="podium")
    folder.labelled(NAMES)
    images = folder.test()
    assert images.ids == tuple(NAMES)
    assert images.files == tuple(f"test/{name}.png" for name in NAMES)
    assert "lack the ending of their files, which is added" in caplog.text
    folder.labelled([*NAMES[:9], "gone"])
    with pytest.raises(DataError, match=r"9 of 10 do(.|\n)*extension = .png"):
        folder.test()


def test_a_first_column_that_is_no_id_is_one_cause(folder):
    folder.write(("label", "image"), *(("a", f"{name}.png") for name in NAMES))
    with pytest.raises(
        DataError, match="its first column, 'label', should be the id, but 10 rows have 1 diff"
    ):
        folder.test()


def test_a_template_of_other_ids_is_one_cause(folder):
    folder.write(("number", "file"), *((str(n), f"{name}.png") for n, name in enumerate(NAMES)))
    (folder.root / "sample.csv").write_text("".join(["id,label\n", *(f"{name}.png,a\n" for name in NAMES)]))
    with pytest.raises(
        DataError, match=r"none of its ids \('000.png', ...\) .* They are in 'file', which has"
    ):
        folder.test(image_column="file", template="sample.csv")


def test_peoples_folders_are_repaired_as_files_are(tmp_path):
    folder = MaskFolder(tmp_path / "data", 6)
    task = TASKS.build(Component.of("MaskTask"))

    def read(**options):
        chosen = Component.of("SplitByProfileDataset", folds=2, **options)
        return DATASETS.build(chosen, root=folder.root, task=task, seed=0)

    before = read().files
    for row in folder.rows:
        row["path"] = f"D:\\train\\{row['path']}"
    folder.write_table()
    with pytest.raises(DataError, match=r"6 of 6 do(.|\n)*repair_names = slashes, drop 2$"):
        read()
    assert read(repair_names="slashes, drop 2").files == before
    folder.images.rename(tmp_path / "images")
    folder.images.mkdir()
    (tmp_path / "images").rename(folder.images / "images")
    for row in folder.rows:
        row["path"] = row["path"].rpartition("\\")[2]
    folder.write_table()
    with pytest.raises(DataError, match=r"images = train/images/images$"):
        read()
    assert len(read(images="train/images/images").files) == len(before)

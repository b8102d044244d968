"""Links in a data folder are followed inside it; each of the others is named, with what to do."""

import os

import pytest

from dataset.files.image_folder import ImageFolder
from dataset.readers.base import DATASETS
from dataset.readers.csv_dataset import CsvDataset
from dataset.readers.eval_base import TEST_DATASETS
from dataset.tasks.base import TASKS
from utils.errors import DataError
from utils.registry import Component


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.fixture
def root(tmp_path):
    """A data folder with two images of each of the classes a, b and c, beside other folders."""
    touch(tmp_path / "data" / "train", *(f"{label}/{number}.png" for label in "abc" for number in range(2)))
    touch(tmp_path / "outside", "0.png", "1.png")
    return tmp_path / "data"


def read(root, **options):
    component = Component.of("FolderDataset", folds=2, **options)

    def names():
        return DATASETS.get("FolderDataset").label_names(**DATASETS.arguments(component, root=root))

    task = TASKS.build(Component.of("ClassificationTask"), root=root, labels_found=names)
    return DATASETS.build(component, root=root, task=task, seed=0)


def refusal(root, **options):
    with pytest.raises(DataError) as caught:
        read(root, **options)
    return str(caught.value)


def replace_by_link(path, target):
    path.rename(target)
    path.symlink_to(target)


def test_a_class_folder_that_is_a_link_inside_the_data_folder_is_entered(root):
    before = read(root).files
    replace_by_link(root / "train" / "a", root / "pool")
    assert read(root).files == before


def test_one_that_leads_out_of_the_data_folder_is_called_that_and_followed_if_it_is_meant(root, tmp_path):
    before = read(root).files
    replace_by_link(root / "train" / "a", tmp_path / "elsewhere")
    message = refusal(root)
    assert f"{root}/train/a is a link that leads out of the data folder, to {tmp_path}/elsewhere" in message
    assert "set follow_links = yes in [dataset]" in message
    assert read(root, follow_links=True).files == before
    left = read(root, on_bad_file="skip")
    assert {file.split("/")[1] for file in left.files} == {"b", "c"}
    assert "train/a is a link that leads out" in left.skipped[0]


def test_a_link_is_named_where_only_one_class_is_left_without_it(root, tmp_path):
    for label in "ab":
        replace_by_link(root / "train" / label, tmp_path / f"elsewhere-{label}")
    assert "train/b is a link that leads out of the data folder" in refusal(root)


def test_the_folder_of_the_images_and_the_data_folder_may_be_links(root, tmp_path):
    before = read(root).files
    replace_by_link(root / "train", tmp_path / "elsewhere")
    assert read(root).files == before
    replace_by_link(root, tmp_path / "data-elsewhere")
    assert read(root).files == before


def test_linked_images_are_images_and_broken_links_are_named(root, tmp_path):
    before = read(root).files
    replace_by_link(root / "train" / "a" / "0.png", root / "x.png")
    assert read(root).files == before
    (root / "x.png").rename(tmp_path / "x.png")
    assert f"train/a/0.png is a link to {root}/x.png, which is not there" in refusal(root)
    (root / "train" / "a" / "0.png").unlink()
    (root / "train" / "a" / "0.png").symlink_to(tmp_path / "x.png")
    assert "train/a/0.png is a link that leads out of the data folder" in refusal(root)
    assert read(root, follow_links=True).files == before


def test_circles_end_and_are_named(root):
    (root / "train" / "a" / "up").symlink_to("..")
    (root / "train" / "self").symlink_to("self")
    (root / "train" / "one").symlink_to("two")
    (root / "train" / "two").symlink_to("one")
    message = refusal(root)
    assert "has 4 problem(s)" in message
    assert f"train/a/up is a link to {root}/train, a folder that it is in itself" in message
    for name in ("self", "one", "two"):
        assert f"train/{name} is a link to itself" in message


def test_two_folders_outside_that_link_to_each_other_end_too(root, tmp_path):
    touch(tmp_path, "p/0.png", "q/0.png")
    (tmp_path / "p" / "q").symlink_to(tmp_path / "q")
    (tmp_path / "q" / "p").symlink_to(tmp_path / "p")
    (root / "train" / "d").symlink_to(tmp_path / "p")
    message = refusal(root, follow_links=True)
    assert f"train/d/q/p is a link to {tmp_path}/p, " in message


def test_no_image_is_there_twice_by_links(root):
    (root / "train" / "b" / "9.png").symlink_to("../a/0.png")
    (root / "train" / "latest").symlink_to("a")
    message = refusal(root)
    assert f"train/b/9.png is the same file as {root}/train/a/0.png, by a link" in message
    assert f"train/latest is a link to {root}/train/a, whose files are here already" in message
    replace_by_link(root / "train" / "c", root / "pool")
    (root / "train" / "d").symlink_to(root / "pool")
    assert f"train/d is a link to {root}/pool, where {root}/train/c leads as well" in refusal(root)


def test_what_is_neither_a_file_nor_a_folder_is_named(root):
    os.mkfifo(root / "train" / "a" / "pipe.png")  # reading it would wait for ever
    assert "train/a/pipe.png is neither a file nor a folder" in refusal(root)


def test_links_among_eval_images(root, tmp_path):
    touch(root, "test/0.png")
    (root / "test" / "more").symlink_to(tmp_path / "outside")
    (root / "test" / "gone.png").symlink_to("nowhere.png")
    task = TASKS.build(Component.of("ClassificationTask", labels="a, b"), root=root, labels_found=None)

    def images(**options):
        return TEST_DATASETS.build(Component.of("FolderTestDataset", **options), root=root, task=task)

    with pytest.raises(DataError) as caught:
        images()
    assert "test/more is a link that leads out of the data folder" in str(caught.value)
    assert "set follow_links = yes in [test_dataset]" in str(caught.value)
    assert "test/gone.png is a link to nowhere.png, which is not there" in str(caught.value)
    (root / "test" / "gone.png").unlink()
    assert images(follow_links=True).files == ("test/0.png", "test/more/0.png", "test/more/1.png")


def test_names_in_a_table_may_go_through_links_inside_the_data_folder_only(root, tmp_path):
    (root / "train" / "in").symlink_to(root / "train" / "a")
    (root / "train" / "out").symlink_to(tmp_path / "outside")
    folder = ImageFolder(root, "train")
    assert folder.find("in/0.png") == "train/in/0.png"
    with pytest.raises(ValueError, match="train/out is a link that leads out of the data folder"):
        folder.find("out/0.png")
    with pytest.raises(ValueError, match="is not a file inside"):
        folder.find("../../outside/0.png")
    assert ImageFolder(root, "train", follow_links=True).find("out/0.png") == "train/out/0.png"


def test_every_layout_with_a_folder_of_images_has_the_option(root):
    for registry in (DATASETS, TEST_DATASETS):
        schemas = {name: registry.schema(name) for name in registry.names() if name != "Own"}
        folders = [name for name, schema in schemas.items() if "images" in schema]
        assert folders
        assert all("follow_links" in schemas[name] for name in folders)


def test_each_row_of_a_table_of_links_is_named_once(root, tmp_path):
    (root / "t.csv").write_text("image,tags\na/0.png,x\nb/0.png,y\nc/0.png,x\n")
    replace_by_link(root / "train" / "a" / "0.png", tmp_path / "0.png")
    task = TASKS.build(Component.of("MultiLabelTask", labels="x, y"), root=root, labels_found=None)
    options = {"root": root, "task": task, "seed": 0, "table": "t.csv", "label_column": "tags", "folds": 2}
    with pytest.raises(DataError, match=r"line 2: \S*/a/0.png is a link that leads out of the data folder"):
        CsvDataset(**options)
    assert CsvDataset(**options, follow_links=True).files[0] == "train/a/0.png"


def test_links_are_left_as_they_are(root):
    replace_by_link(root / "train" / "a", root / "pool")
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    read(root)
    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == before

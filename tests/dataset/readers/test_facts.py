"""A task on data that lacks what it asks: one error, with what there is and what to write."""

import pytest

from dataset.readers.base import DATASETS
from dataset.tasks.base import TASKS
from utils.errors import ConfigError, DataError
from utils.registry import Component

TREE = '[["a", "b"], ["c", "d"]]'


@pytest.fixture
def root(tmp_path):
    (tmp_path / "train" / "x").mkdir(parents=True)
    for number in range(40):
        (tmp_path / "train" / f"{number}.png").touch()
        (tmp_path / "folders" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "folders" / "ab"[number % 2] / f"{number}.png").touch()
    rows = "".join(f"{number}.png,cat,{number}\n" for number in range(40))
    (tmp_path / "train.csv").write_text("image,kind,ages\n" + rows)
    return tmp_path


def refusal(root, task, dataset, error=DataError):
    name, options = task
    kind, of = dataset

    def found():
        return DATASETS.get(kind).label_names(**DATASETS.arguments(Component.of(kind, **of), root=root))

    def rows():
        return DATASETS.get(kind).table_rows(**DATASETS.arguments(Component.of(kind, **of), root=root))

    def read():
        built = TASKS.build(Component.of(name, **options), root=root, labels_found=found, rows_found=rows)
        DATASETS.build(Component.of(kind, **of), root=root, task=built, seed=0)

    with pytest.raises(error) as caught:
        read()
    message = str(caught.value)
    assert len(message.splitlines()) == 1  # and not one for each of 40 rows
    return message


CSV, FOLDERS = ("CsvDataset", {}), ("FolderDataset", {"images": "folders"})


@pytest.mark.parametrize("dataset", [CSV, ("CsvDataset", {"label_column": "kind"}), FOLDERS])
def test_the_mask_task_names_the_columns_that_are_missing_and_those_there_are(root, dataset):
    message = refusal(root, ("MaskTask", {}), dataset)
    assert "MaskTask needs 'photo', 'gender', 'age' of each image" in message
    assert "there is no 'photo', 'gender', 'age'" in message
    assert "[dataset] name = SplitByProfileDataset" in message
    if dataset[0] == "CsvDataset":
        assert "train.csv says 'image', 'kind', 'ages'" in message
        assert "Is 'age' the column 'ages'?" in message


@pytest.mark.parametrize("task", ["ClassificationTask", "MultiLabelTask"])
def test_a_task_of_labels_says_how_to_name_their_column(root, task):
    message = refusal(root, (task, {"labels": "cat, dog"}), CSV)
    assert f"{task} needs the labels of each image" in message
    assert "[dataset] label_column = " in message
    message = refusal(root, (task, {}), CSV, ConfigError)
    assert "label_column" in message
    assert "'image', 'kind', 'ages'" in message
    message = refusal(root, (task, {}), ("SplitByProfileDataset", {}), ConfigError)
    assert "it is for [task] name = MaskTask" in message


@pytest.mark.parametrize("dataset", [CSV, FOLDERS])
def test_a_hierarchy_names_its_levels(root, dataset):
    levels = {"levels": "kind, fine"}
    message = refusal(root, ("HierarchyTask", levels | {"tree": TREE}), dataset)
    assert "HierarchyTask needs 'kind', 'fine'" in message
    assert "there is no" in message
    assert "'fine'" in message
    if dataset is CSV:
        message = refusal(root, ("HierarchyTask", levels), CSV)
        assert "no column 'fine' for [task] levels" in message
        assert "'image', 'kind', 'ages'" in message

"""A submission's labels, ids and columns are the organiser's, letter by letter."""

import unicodedata
from functools import partial

import numpy as np
import pytest
import torch

from dataset.readers.base import DATASETS
from dataset.readers.eval_base import TEST_DATASETS
from dataset.tasks.base import TASKS
from inference.inferrer import Submitter
from inference.predict import Predictions
from tools.submissions.submission_file import read_submission
from utils.errors import DataError
from utils.registry import Component

NFC, NFD = partial(unicodedata.normalize, "NFC"), partial(unicodedata.normalize, "NFD")
NAMES = ("개", "고양이")
PLAIN = lambda text: text  # noqa: E731


class Competition:
    """A table of images whose labels one spells in one way, and a template that another has spelt."""

    def __init__(self, root, table, template, **task):
        self.root = root
        for folder in ("train", "test"):
            (root / folder).mkdir()
            for number in range(4):
                (root / folder / f"{number}.png").touch()
        labels = [table(NAMES[number % 2]) for number in range(4)]
        rows = "".join(f"{number}.png,{label},{label}{number}\n" for number, label in enumerate(labels))
        (root / "train.csv").write_text("image,label,fine\n" + rows, encoding="utf-8")
        (root / "sample_submission.csv").write_text(template, encoding="utf-8")
        self.dataset = Component.of("CsvDataset", label_column="label")
        self.task = TASKS.build(
            Component.of(**task), root=root, labels_found=self.names, rows_found=self.rows
        )

    def names(self):
        reader = DATASETS.get("CsvDataset")
        return reader.label_names(**DATASETS.arguments(self.dataset, root=self.root))

    def rows(self):
        reader = DATASETS.get("CsvDataset")
        return reader.table_rows(**DATASETS.arguments(self.dataset, root=self.root))

    def submit(self, name="TestDataset", **options):
        component = Component.of(name, images="test", **options)
        self.images = TEST_DATASETS.build(component, root=self.root, task=self.task)
        logits = {
            space: 9.0 * torch.eye(labels)[torch.arange(len(self.images.ids)) % labels] - 4.0
            for space, labels in self.task.heads.items()
        }
        found = Predictions(np.arange(len(self.images.ids)), logits, {})
        self.answers: list[dict[str, str]] = []
        Submitter(self.task, self.images).submit(found, self.root, self.answers.extend)
        text = (self.root / "submission.csv").read_text(encoding="utf-8")
        return [line.split(",") for line in text.splitlines()]


SAMPLE = {"table": "sample_submission.csv"}


@pytest.mark.parametrize(
    ("table", "value", "expected"),
    [
        (NFD, NAMES[0], NFC),  # as the template spells one of them
        (NFC, NFD(NAMES[0]), NFD),
        (NFD, "0", NFD),  # as the table does where the template does not say
        (NFC, "", NFC),
    ],
)
def test_labels_are_written_as_the_template_or_else_the_table_spells_them(tmp_path, table, value, expected):
    template = "id, label\n" + "".join(f" {number}.png,{value}\n" for number in range(4))
    competition = Competition(tmp_path, table, template, name="ClassificationTask")
    lines = competition.submit(**SAMPLE)
    assert lines[0] == ["id", " label"]
    assert lines[1:] == [[f" {number}.png", expected(NAMES[number % 2])] for number in range(4)]
    assert competition.answers[1] == {"id": "1.png", "label": NAMES[1]}
    again = read_submission(tmp_path / "submission.csv", competition.images, competition.task)
    assert again == competition.answers
    other = NFC if expected is NFD else NFD
    wrong = "\n".join(",".join(map(other, line)) for line in lines)
    (tmp_path / "made.csv").write_text(wrong + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="is not one of"):
        read_submission(tmp_path / "made.csv", competition.images, competition.task)


@pytest.mark.parametrize("submit", ["binary", "probabilities"])
def test_columns_of_labels_are_the_templates(tmp_path, submit):
    header = f"id,{NFD(NAMES[1])}, {NFD(NAMES[0])}"
    template = f"{header}\n" + "".join(f"{number}.png,0,0\n" for number in range(4))
    competition = Competition(tmp_path, PLAIN, template, name="MultiLabelTask", submit=submit)
    lines = competition.submit(**SAMPLE)
    assert ",".join(lines[0]) == header
    assert [float(value) > 0.5 for value in lines[1][1:]] == [False, True]
    assert len(read_submission(tmp_path / "submission.csv", competition.images, competition.task)) == 4


def test_several_labels_in_a_cell_are_the_templates_and_levels_the_tables(tmp_path):
    template = "id,labels\n" + "".join(f"{number}.png,{NFD(' '.join(NAMES))}\n" for number in range(4))
    several = Competition(tmp_path, PLAIN, template, name="MultiLabelTask")
    assert [line[1] for line in several.submit(**SAMPLE)[1:3]] == [NFD(name) for name in NAMES]


def test_labels_without_a_template_are_as_the_table_spells_them(tmp_path):
    competition = Competition(tmp_path, NFD, "", name="ClassificationTask", submit="probabilities")
    lines = competition.submit("FolderTestDataset")
    assert lines[0] == ["id", *map(NFD, NAMES)]
    assert competition.task.resolved["labels"] == NFD(", ".join(NAMES))
    kept = Component.of("ClassificationTask", labels=competition.task.resolved["labels"])
    assert TASKS.build(kept, root=tmp_path, labels_found=competition.names).labels == NAMES


def test_levels_of_a_hierarchy_are_written_as_they_were_read(tmp_path):
    competition = Competition(
        tmp_path, NFD, "id,label,fine\n0.png,,\n1.png,,\n", name="HierarchyTask", levels="label, fine"
    )
    lines = competition.submit(**SAMPLE)
    assert lines[1:] == [[f"{i}.png", NFD(NAMES[0]), NFD(f"{NAMES[0]}{2 * i}")] for i in range(2)]
    assert competition.task.spaces[0].labels == NAMES
    tree = competition.task.resolved["tree"]
    kept = Component.of("HierarchyTask", levels="label, fine", tree=tree)
    again = TASKS.build(kept, root=tmp_path, labels_found=competition.names, rows_found=competition.rows)
    assert again.spaces == competition.task.spaces
    assert again.resolved["tree"] == tree

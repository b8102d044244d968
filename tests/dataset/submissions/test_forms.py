"""Each form of a submission: what it writes, what it takes back, and what it refuses."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.metrics.map_at_k import MapAtK
from dataset.metrics.roc_auc import RocAuc
from dataset.readers.eval_base import TEST_DATASETS, EvalDataset
from dataset.submissions.base import SUBMISSIONS, Submission
from dataset.tasks.base import Task
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.labels import LabelNames
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from inference.columns import fitted
from inference.submission import write_submission
from inference.written import Written
from tests.digits import write_csv, write_images
from tools.submissions.submission_file import read_submission
from utils.errors import DataError, PodiumError
from utils.registry import Component

ANIMALS = ("cat", "dog", "red_fox")


def classes(*labels: str) -> ClassificationTask:
    return ClassificationTask(root=Path(), labels_found=tuple, labels=LabelNames(labels))


def form(name: str, **options: object) -> Submission:
    return SUBMISSIONS.build(Component.of(name, **options))


def logits_of(task: Task, count: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {space.name: torch.randn(count, len(space.labels), generator=generator) for space in task.spaces}


def images_of(root: Path, task: Task, columns: tuple[str, ...], rows: list[list[str]]) -> EvalDataset:
    """Return the images of a sample submission, of which 0000.png to 0002.png are there."""
    write_images(root / "test", np.zeros((3, 8, 8), np.uint8))
    write_csv(root / "sample.csv", columns, rows)
    chosen = Component.of("TestDataset", table="sample.csv", images="test", extension=".png")
    return TEST_DATASETS.build(chosen, root=root, task=task)


def written(root: Path, task: Task, images: EvalDataset, count: int = 3) -> list[dict[str, str]]:
    """Return the rows of a submission that was written, read back, and looked at as anybody's file."""
    task = fitted(task, images)
    sheet = Written.of(task, images)
    path = root / "mine.csv"
    write_submission(path, sheet.rows(logits_of(task, count)), sheet.ids, images.header, sheet.allowed)
    again = read_submission(path, images, task)
    assert [row[images.columns[0]] for row in again] == images.names
    answers = task.form.submitted(task, again)
    own = task.form.submitted(task, task.form.answers(task, logits_of(task, count)))
    for question, answered in answers.items():
        np.testing.assert_array_equal(answered.shares, own[question].shares)
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def plain(*columns: str) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the columns and rows of a template with a row for each image, in an order of its own."""
    return ("Id", *columns), [[f"{number:04d}", *("0" for _ in columns)] for number in (2, 0, 1)]


def test_probabilities_are_those_of_softmax_in_the_templates_columns_and_order(tmp_path: Path) -> None:
    task = classes(*ANIMALS).handed_in(form("Probabilities", column="p_{label}", digits=4))
    columns, rows = plain("p_red_fox", "p_cat", "p_dog")
    found = written(tmp_path, task, images_of(tmp_path, task, columns, rows))
    assert [row["Id"] for row in found] == ["0002", "0000", "0001"]
    expected = logits_of(task, 3)["label"].softmax(dim=1).numpy()
    for row, shares in zip(found, expected, strict=True):
        assert [row[f"p_{label}"] for label in ANIMALS] == [f"{share:.4f}" for share in shares]


def test_tags_are_handed_in_with_the_probability_of_each(tmp_path: Path) -> None:
    task = MultiLabelTask(root=Path(), labels_found=tuple, labels=LabelNames(ANIMALS))
    task = task.handed_in(form("Probabilities"))
    found = written(tmp_path, task, images_of(tmp_path, task, *plain(*ANIMALS)))
    expected = logits_of(task, 3)["labels"].sigmoid()
    assert [float(row["dog"]) for row in found] == pytest.approx(expected[:, 1].tolist(), abs=1e-6)


@pytest.mark.parametrize(("positive", "index"), [(None, 1), ("no", 0), ("yes", 1)])
def test_positive_is_the_probability_of_one_of_two_whatever_the_column_is_called(
    positive: str | None, index: int, tmp_path: Path
) -> None:
    task = classes("no", "yes").handed_in(form("Positive", positive=positive))
    found = written(tmp_path, task, images_of(tmp_path, task, *plain("is_it")))
    expected = logits_of(task, 3)["label"].softmax(dim=1)[:, index]
    assert [float(row["is_it"]) for row in found] == pytest.approx(expected.tolist(), abs=1e-6)


def test_positive_is_the_label_that_the_metric_looks_for() -> None:
    task = classes("no", "yes").scored_by([(RocAuc(positive="no"), None)])
    form("Positive").check(task)
    answers = form("Positive").answers(task, {"label": torch.tensor([[3.0, 0.0]])})
    assert float(answers[0]["target"]) > 0.9
    with pytest.raises(ValueError, match="scores the probability of 'no': the submission would be upside"):
        form("Positive", positive="yes").check(task)


def test_top_labels_are_the_likeliest_first_and_score_as_map_at_k_says(tmp_path: Path) -> None:
    names = tuple(f"c{number}" for number in range(6))
    task = classes(*names).handed_in(form("TopLabels", k=3, separator="pipe"))
    found = written(tmp_path, task, images_of(tmp_path, task, *plain("guess")))
    logits = logits_of(task, 3)["label"].clone()
    order = logits.argsort(dim=1, descending=True)[:, :3].tolist()
    assert [row["guess"] for row in found] == ["|".join(names[i] for i in row) for row in order]

    # Equally likely labels stand as the metric counts them.
    tied = {"label": torch.zeros(6, 6)}
    cells = [row["labels"].split("|") for row in form("TopLabels", k=3, separator="pipe").answers(task, tied)]
    pairs = zip(names, cells, strict=True)
    by_hand = [1 / (cell.index(name) + 1) if name in cell else 0 for name, cell in pairs]
    scored = task.scored_by([(MapAtK(k=3), None)]).scores(tied, {"label": torch.eye(6)})
    assert scored["map_at_3"] == pytest.approx(np.mean(by_hand))


LONG = {
    "in the id": ({}, ("ID", "Label"), lambda image, label: [f"{image}_{label}", "0.5"]),
    "in a column": (
        {"label_column": "animal"},
        ("image", "animal", "p"),
        lambda image, label: [image, label, "0"],
    ),
    "with a hyphen": (
        {"between": "-"},
        ("ID", "Usage", "probability"),
        lambda image, label: [f"{image}-{label}", "Public", "0"],
    ),
}


@pytest.mark.parametrize("where", LONG)
def test_long_has_a_row_for_each_image_and_label_in_the_templates_order(where: str, tmp_path: Path) -> None:
    options, columns, row_of = LONG[where]
    column = {} if "Label" in columns else {"column": columns[-1]}
    task = classes(*ANIMALS).handed_in(form("Long", **options, **column))
    pairs = [(image, label) for label in ANIMALS for image in ("0002", "0000", "0001")]  # not image by image
    images = images_of(tmp_path, task, columns, [row_of(*pair) for pair in pairs])
    assert images.names == ["0002", "0000", "0001"]
    found = written(tmp_path, task, images)
    shares = logits_of(task, 3)["label"].softmax(dim=1).tolist()
    expected = {
        (image, label): f"{share:.6f}"
        for image, row in zip(images.names, shares, strict=True)
        for label, share in zip(ANIMALS, row, strict=True)
    }
    assert [list(row.values())[:-1] for row in found] == [row_of(*pair)[:-1] for pair in pairs]
    assert [list(row.values())[-1] for row in found] == [expected[pair] for pair in pairs]


def test_long_without_a_template_goes_image_by_image(tmp_path: Path) -> None:
    task = classes(*ANIMALS).handed_in(form("Long"))
    write_images(tmp_path / "test", np.zeros((2, 8, 8), np.uint8))
    chosen = Component.of("FolderTestDataset", with_extension=False)
    images = TEST_DATASETS.build(chosen, root=tmp_path, task=task)
    ids = [row["id"] for row in written(tmp_path, task, images, count=2)]
    assert ids == [f"{image}_{label}" for image in ("0000", "0001") for label in ANIMALS]


WRONG_TEMPLATES = {
    "no label at the end": ([["0000_cow", "0"]], "'cow' is not one of the labels"),
    "nearly a label": ([["0000_dogg", "0"]], "Did you mean 'dog'?"),
    "nothing between": ([["0000", "0"]], "there is no '_' between image and label in the id '0000'"),
    "a label missing": ([["0000_cat", "0"], ["0000_dog", "0"]], "image '0000' has no row for red_fox"),
    "a label twice": (
        [[f"0000_{label}", "0"] for label in (*ANIMALS, "cat")],
        "image '0000' has 2 rows for 'cat'",
    ),
}


@pytest.mark.parametrize("what", WRONG_TEMPLATES)
def test_a_template_that_is_not_long_is_refused_with_what_is_wrong(what: str, tmp_path: Path) -> None:
    rows, message = WRONG_TEMPLATES[what]
    task = classes(*ANIMALS).handed_in(form("Long"))
    with pytest.raises(DataError) as refused:
        images_of(tmp_path, task, ("ID", "Label"), rows)
    assert message in str(refused.value)


UNSUITABLE = {
    "three classes in one column": ("Positive", {}, ANIMALS, "here are 3 labels of which one is right"),
    "an unknown positive": ("Positive", {"positive": "yess"}, ("no", "yes"), "Did you mean 'yes'?"),
    "more than there are": ("TopLabels", {"k": 4}, ANIMALS, "write k = 3"),
    "a separator in a label": ("TopLabels", {"k": 2}, ("a b", "c"), "separator = space is part of the label"),
}


@pytest.mark.parametrize("what", UNSUITABLE)
def test_a_form_that_does_not_suit_the_task_is_refused(what: str) -> None:
    name, options, labels, message = UNSUITABLE[what]
    with pytest.raises(ValueError, match=re.escape(message)):
        form(name, **options).check(classes(*labels))


WRONG_OPTIONS = {
    "columns alike": ("Probabilities", {"column": "p"}, "write {label} in it"),
    "nothing between": ("Long", {"between": "none"}, "name the column with the label"),
    "no separator": ("TopLabels", {"separator": "none"}, "no way to write several labels"),
    "the same column": ("Long", {"label_column": "p", "column": "p"}, "are both 'p'"),
}


@pytest.mark.parametrize("what", WRONG_OPTIONS)
def test_options_that_nobody_can_mean_are_refused(what: str) -> None:
    name, options, message = WRONG_OPTIONS[what]
    with pytest.raises(PodiumError) as refused:
        form(name, **options)
    assert message in str(refused.value)


WRONG_VALUES = {
    "a share above 1": ("Probabilities", {}, ANIMALS, "cat", "1.2", "is no probability"),
    "a word": ("Positive", {}, ("no", "yes"), "target", "yes", "is no probability"),
    "an unknown label": ("TopLabels", {"k": 2}, ANIMALS, "labels", "cat dgo", "'dgo', but 'dog'"),
    "a label twice": ("TopLabels", {"k": 2}, ANIMALS, "labels", "cat cat", "has 'cat' twice"),
    "too few": ("TopLabels", {"k": 2}, ANIMALS, "labels", "cat", "has 1 label(s) where 2 belong"),
    "nothing": ("Long", {}, ANIMALS, "probability", "", "is no probability"),
    "no label": ("Long", {"label_column": "a"}, ANIMALS, "a", "cow", "is not one of cat, dog, red_fox"),
}


@pytest.mark.parametrize("what", WRONG_VALUES)
def test_a_wrong_value_is_named(what: str) -> None:
    name, options, labels, column, value, message = WRONG_VALUES[what]
    problem = form(name, **options).wrong_value(classes(*labels), column, value)
    assert problem is not None
    assert message in problem


def test_a_file_with_a_label_of_an_image_twice_is_told_where(tmp_path: Path) -> None:
    task = classes("a", "b").handed_in(form("Long", label_column="label"))
    columns = ("image", "label", "probability")
    rows = [[image, label, "0"] for image in ("0000", "0001") for label in "ab"]
    images = images_of(tmp_path, task, columns, rows)
    write_csv(tmp_path / "mine.csv", columns, [rows[0], rows[0], *rows[2:]])
    with pytest.raises(DataError) as refused:
        read_submission(tmp_path / "mine.csv", images, task)
    assert "id '0000, a' 2 times (line 2, 3)" in str(refused.value)
    assert "1 of the template's ids missing: '0000, b'" in str(refused.value)


def test_labels_are_written_as_the_template_spells_them(tmp_path: Path) -> None:
    composed, apart = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
    task = classes(composed, "tea").handed_in(form("Long"))
    rows = [[f"0000_{label}", "0"] for label in (apart, "tea")]
    images = images_of(tmp_path, task, ("id", "probability"), rows)
    assert [row["id"] for row in written(tmp_path, task, images, count=1)] == [f"0000_{apart}", "0000_tea"]


def test_the_default_hands_in_what_the_task_writes(tmp_path: Path) -> None:
    task = MaskTask()
    logits = logits_of(task, 5)
    assert task.form.answers(task, logits) == task.submission(logits)
    assert task.form.columns(task) == task.columns
    handed = task.handed_in(form("Template"))
    assert handed.form.answers(handed, logits) == task.submission(logits)


def test_a_form_of_ones_own_is_one_class(tmp_path: Path) -> None:
    """A stranger's competition wants the likeliest label and how sure it is, in two columns."""

    class Surest(Submission):
        """The likeliest label and its probability."""

        def columns(self, task):
            return ("label", "sure")

        def answers(self, task, logits):
            shares = task.probabilities(logits)["label"]
            best = shares.max(dim=1)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            return [{"label": task.label_texts[i], "sure": f"{share:.3f}"} for i, share in pairs]

        def submitted(self, task, answers):
            return {}

        def wrong_value(self, task, column, value):
            return None if column == "sure" or value in task.label_texts else "is no label"

    task = classes(*ANIMALS).handed_in(Surest())
    found = written(tmp_path, task, images_of(tmp_path, task, *plain("sure", "label")))
    assert list(found[0]) == ["Id", "sure", "label"]
    best = logits_of(task, 3)["label"].softmax(dim=1).max(dim=1)
    assert [row["label"] for row in found] == [ANIMALS[i] for i in best.indices.tolist()]

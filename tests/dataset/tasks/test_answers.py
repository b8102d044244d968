"""A submission's rows read back as numbers say what was decided, whichever form they have."""

import numpy as np
import pytest
import torch

from dataset.tasks.answers import Answers
from dataset.tasks.cells import Separator
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.mask import CLASSES, MaskTask
from dataset.tasks.multi_label import MultiLabelTask

LABELS = ("cat", "dog", "red fox")


def logits_of(task, images=40):
    generator = torch.Generator().manual_seed(0)
    return {space.name: torch.randn(images, len(space.labels), generator=generator) for space in task.spaces}


@pytest.mark.parametrize("joint", [True, False])
def test_the_classes_of_the_mask_task_are_named(joint):
    task = MaskTask(joint=joint)
    logits = logits_of(task)
    (found,) = task.submitted(task.submission(logits)).values()
    assert found.labels[4] == f"4 {CLASSES[4]}"
    assert np.array_equal(found.shares.argmax(axis=1), task.answers(task.decide(logits))["class"])
    assert np.array_equal(found.shares.sum(axis=1), np.ones(40))


@pytest.mark.parametrize("submit", ["label", "probabilities"])
def test_one_label_and_its_probabilities_are_the_same_question(tmp_path, submit):
    task = ClassificationTask(root=tmp_path, labels_found=lambda: LABELS, submit=submit)
    logits = logits_of(task)
    rows = task.submission(logits)
    found = task.submitted(rows)["label"]
    assert found.labels == LABELS
    assert np.array_equal(found.shares.argmax(axis=1), logits["label"].argmax(dim=1).numpy())
    if submit == "probabilities":
        assert found.shares == pytest.approx(logits["label"].softmax(dim=1).numpy(), abs=1e-6)
    assert [task.wrong_value(column, value) for row in rows for column, value in row.items()] == [None] * len(
        rows * len(rows[0])
    )


@pytest.mark.parametrize("submit", ["labels", "binary", "probabilities"])
def test_any_number_of_labels_is_one_question_in_every_form(tmp_path, submit):
    task = MultiLabelTask(root=tmp_path, labels_found=lambda: LABELS, submit=submit, separator=Separator("|"))
    logits = logits_of(task)
    rows = task.submission(logits)
    (found,) = task.submitted(rows).values()
    assert (found.labels, found.exclusive) == (LABELS, False)
    assert np.array_equal(found.shares >= 0.5, task.marks(task.decide(logits)))
    assert found.counted.all()  # also images without a label
    assert all(task.wrong_value(*cell) is None for row in rows for cell in row.items())


def test_values_that_cannot_be_meant_are_named(tmp_path):
    labels = MultiLabelTask(root=tmp_path, labels_found=lambda: LABELS, separator=Separator(","))
    assert labels.wrong_value("labels", "cat,red fox") is None
    assert labels.wrong_value("labels", "") is None
    assert labels.wrong_value("labels", "cat,cow") == "has no label 'cow'"
    binary = MultiLabelTask(root=tmp_path, labels_found=lambda: LABELS, submit="binary")
    assert binary.wrong_value("dog", "2") == "is not one of 0, 1"
    shares = MultiLabelTask(root=tmp_path, labels_found=lambda: LABELS, submit="probabilities")
    for value in ("1.01", "-0.1", "nan", "", "half"):
        assert shares.wrong_value("dog", value) == "is no probability in [0, 1]"
    assert MaskTask().wrong_value("ans", "18") == f"is not one of {', '.join(map(str, range(18)))}"
    assert MaskTask().wrong_value("another", "anything") is None


def test_levels_are_a_question_each_and_no_answer_counts_as_one_where_it_may_be_given(tmp_path):
    paths = [("animal", "cat"), ("animal", "dog"), ("thing", "")]
    rows = [(str(i), dict(zip(("kind", "name"), path, strict=True))) for i, path in enumerate(paths)]
    task = HierarchyTask(root=tmp_path, rows_found=lambda: rows, levels=("kind", "name"), nothing="-1")
    given = [{"kind": "animal", "name": "dog"}, {"kind": "thing", "name": "-1"}]
    found = task.submitted(given)
    assert list(found) == ["kind", "name"]
    assert dict(zip(found["name"].labels, found["name"].mean, strict=True)) == {
        "cat": 0,
        "dog": 0.5,
        "-1": 0.5,
    }


def test_rows_without_an_answer_are_not_counted():
    shares = np.array([[1, 0], [0, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert Answers(("a", "b"), shares).mean == pytest.approx([2 / 3, 1 / 3])
    assert Answers(("a", "b"), shares, exclusive=False).mean == pytest.approx([0.5, 0.25])
    assert Answers(("a", "b"), np.zeros((2, 2), np.float32)).mean.tolist() == [0, 0]


def test_rows_that_answer_otherwise_are_found():
    a = Answers(("a", "b"), np.array([[0.6, 0.4], [0.2, 0.8], [0, 0], [1, 0]], dtype=np.float32))
    b = Answers(("a", "b"), np.array([[0.9, 0.1], [0.8, 0.2], [1, 0], [1, 0]], dtype=np.float32))
    assert a.differ(b).tolist() == [False, True, True, False]
    many = [Answers(of.labels, of.shares, exclusive=False) for of in (a, b)]
    assert many[0].differ(many[1]).tolist() == [False, True, True, False]

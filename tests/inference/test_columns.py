"""Which of the template's columns are answers, and that the others stay as they are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.readers.eval_base import EvalDataset
from dataset.readers.test_dataset import TestDataset
from dataset.tasks.base import Task
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from inference.columns import fitted, say_columns
from inference.inferrer import Submitter
from inference.predict import Predictions
from tools.submissions.submission_file import read_submission
from utils.errors import DataError


def images(root: Path, template: str, **options: str) -> EvalDataset:
    (root / "test").mkdir()
    for name in ("0.png", "1.png"):
        (root / "test" / name).touch()
    (root / "sample.csv").write_text(template, encoding="utf-8")
    return TestDataset(root=root, table="sample.csv", images="test", **options)


def pets(**options: str) -> Task:
    return ClassificationTask(root=Path(), labels_found=lambda: ("cat", "dog"), **options)


def written(task: Task, found: EvalDataset, folder: Path) -> list[str]:
    """Return the lines of the submission in which the first image is a cat and the second a dog."""
    task = fitted(task, found)
    logits = {space.name: torch.tensor([[4.0, -4.0], [-4.0, 4.0]]) for space in task.spaces}
    Submitter(task, found).submit(Predictions(np.arange(2), logits, {}), folder, lambda rows: None)
    assert len(read_submission(folder / "submission.csv", found, task)) == 2
    return (folder / "submission.csv").read_text(encoding="utf-8").splitlines()


def test_the_only_column_beside_the_id_is_the_answers_whatever_it_is_called(tmp_path: Path) -> None:
    found = images(tmp_path, "id,breed\n1.png,x\n0.png,x\n")
    assert written(pets(), found, tmp_path) == ["id,breed", "1.png,cat", "0.png,dog"]
    tags = MultiLabelTask(root=Path(), labels_found=lambda: ("cat", "dog"))
    assert written(tags, found, tmp_path) == ["id,breed", "1.png,cat", "0.png,dog"]


def test_so_is_the_only_one_beside_the_id_and_the_names_of_the_images(tmp_path: Path) -> None:
    found = images(tmp_path, ",file,breed\n7,1.png,x\n8,0.png,x\n", image_column="file")
    assert written(pets(), found, tmp_path) == [",file,breed", "7,1.png,cat", "8,0.png,dog"]


def test_further_columns_are_written_back_as_they_were(tmp_path: Path) -> None:
    found = images(tmp_path, 'id,Usage,label,"note, ""x"""\n0.png,Public,x, 007 \n1.png,Private,x,"a,b"\n')
    assert written(pets(), found, tmp_path) == [
        'id,Usage,label,"note, ""x"""', "0.png,Public,cat, 007 ", '1.png,Private,dog,"a,b"',
    ]  # fmt: skip


def test_further_columns_beside_one_for_each_label_are_kept_too(tmp_path: Path) -> None:
    found = images(tmp_path, "id,dog,cat,width\n0.png,0,0,640\n1.png,0,0,480\n")
    lines = written(pets(submit="probabilities"), found, tmp_path)
    assert lines[0] == "id,dog,cat,width"
    assert [line.rpartition(",")[2] for line in lines[1:]] == ["640", "480"]
    assert float(lines[1].split(",")[2]) > 0.99


def test_of_several_columns_none_is_taken_by_itself_but_the_one_with_labels_is_named(tmp_path: Path) -> None:
    found = images(tmp_path, "id,target,Usage\n0.png,cat,Public\n1.png,cat,Private\n")
    with pytest.raises(
        DataError, match=r"columns target, Usage after the id.*Write column = target in \[task\]"
    ):
        fitted(pets(), found)
    assert written(pets(column="target"), found, tmp_path)[1] == "0.png,cat,Public"


def test_columns_of_other_labels_are_refused(tmp_path: Path) -> None:
    found = images(tmp_path, "id,cat,fox\n0.png,0,0\n1.png,0,0\n")
    with pytest.raises(
        DataError, match="has the columns cat, fox after the id, but the task writes cat, dog"
    ):
        fitted(pets(submit="probabilities"), found)


def test_a_task_whose_column_the_organiser_fixed_is_never_renamed(tmp_path: Path) -> None:
    found = images(tmp_path, "id,label\n0.png,0\n1.png,0\n")
    with pytest.raises(DataError, match="the task writes ans"):
        fitted(MaskTask(), found)


def test_without_a_template_the_columns_are_the_tasks(tmp_path: Path) -> None:
    found = EvalDataset(root=tmp_path, columns=("id", "label"), ids=["0"], files=["0.png"])
    task = pets()
    assert fitted(task, found) is task
    with pytest.raises(DataError, match="after the id, but the task writes breed"):
        fitted(pets(column="breed"), found)


@pytest.mark.parametrize(
    ("labels", "value", "said"),
    [
        (("1.0", "2.0"), "1", True),
        (("1", "2"), "01", True),
        (("cat", "dog"), "Cat", True),
        (("1", "2"), " 1", False),
        (("1", "2"), "0", False),
        (("cat", "dog"), "A00", False),
        (("1", "1.0"), "1", False),
        (("1", "2"), "", False),
    ],
)
def test_a_label_that_the_template_writes_otherwise_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, labels: tuple[str, str], value: str, said: bool
) -> None:
    found = images(tmp_path, f"id,label\n0.png,{value}\n1.png,{value}\n")
    task = ClassificationTask(root=Path(), labels_found=lambda: labels)
    say_columns(task, fitted(task, found), found)
    assert ("as the template does" in caplog.text) == said


def test_columns_of_the_labels_are_refused_with_what_writes_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"write submit = probabilities in .task., or binary"):
        fitted(pets(), images(tmp_path, "id,dog,cat\n0.png,0,0\n"))
    fitted(pets(submit="probabilities"), TestDataset(root=tmp_path, table="sample.csv", images="test"))


def test_a_column_that_the_template_lacks_may_be_no_label(tmp_path: Path) -> None:
    task = MultiLabelTask(root=Path(), labels_found=lambda: ("cat", "dog", "is_valid"), submit="binary")
    with pytest.raises(DataError, match=r"Is 'is_valid' no label. Then write label_columns = dog, cat in"):
        fitted(task, images(tmp_path, "id,dog,cat\n0.png,0,0\n"))

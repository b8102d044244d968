"""From a model to submission.csv and test_predictions.csv."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dataset.batches import EvalBatches
from dataset.readers.test_dataset import TestDataset
from dataset.tasks.mask import CLASSES, MaskTask
from inference.inferrer import Inferrer
from utils.device import Precision
from utils.errors import DataError, PodiumError
from utils.tables import read_table

CPU = Precision(torch.device("cpu"), torch.float32)
IDS = ("f3.jpg", "a1.jpg", "e2.jpg", "001498-1.jpg", "b0.jpg", "NA.jpg", "z.jpg")
CLASS_OF = (17, 0, 4, 9, 12, 1, 8)


class Coded:
    """The class of image i is written in its bytes."""

    def __init__(self) -> None:
        self.bad: dict[int, str] = {}

    def __len__(self) -> int:
        return len(IDS)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        values = torch.tensor(CLASS_OF, dtype=torch.uint8)[torch.from_numpy(rows)]
        return values.view(-1, 1, 1, 1).expand(-1, 3, 4, 4)


class Reads(nn.Module):
    """Knows the class of each image; ``broken`` is what it says of one of them instead."""

    def __init__(self, joint: bool = False, broken: float | None = None) -> None:
        super().__init__()
        self.joint, self.broken = joint, broken

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        y = images[:, 0, 0, 0].long()
        if self.joint:
            answers = {"class": (y, 18)}
        else:
            answers = {"mask": (y // 6, 3), "gender": (y // 3 % 2, 2), "age": (y % 3, 3)}
        logits = {name: 4.0 * nn.functional.one_hot(*answer).float() for name, answer in answers.items()}
        if self.broken is not None:
            list(logits.values())[-1][y == 9] = self.broken
        return logits


@pytest.fixture
def images(tmp_path: Path) -> TestDataset:
    (tmp_path / "data/eval/images").mkdir(parents=True)
    for name in IDS:
        (tmp_path / "data/eval/images" / name).touch()
    text = "ImageID,ans\n" + "".join(f"{name},0\n" for name in IDS)
    (tmp_path / "data/eval/info.csv").write_text(text, encoding="utf-8")
    return TestDataset(root=tmp_path / "data")


def inferrer(images: TestDataset, *, joint: bool = False, rows: list[int] | None = None) -> Inferrer:
    chosen = np.array(range(len(IDS)) if rows is None else rows, dtype=np.int64)
    return Inferrer(
        MaskTask(joint=joint), images, EvalBatches(Coded(), chosen, batch_size=3, size=(4, 4)), CPU
    )


def write(inferrer: Inferrer, model: nn.Module, folder: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    inferrer.submit(inferrer.predict(model), folder, rows.extend)
    return rows


def test_a_submission_is_listed_before_its_probabilities_show_that_it_is_done(
    images: TestDataset, tmp_path: Path
) -> None:
    there = []

    def listed(_: list[dict[str, str]]) -> None:
        there.extend(sorted(path.name for path in tmp_path.glob("*.csv")))
        raise KeyboardInterrupt

    own = inferrer(images)
    with pytest.raises(KeyboardInterrupt):
        own.submit(own.predict(Reads(False)), tmp_path, listed)
    assert there == ["submission.csv"]
    assert not (tmp_path / "test_predictions.csv").exists()


@pytest.mark.parametrize("joint", [False, True])
def test_the_submission_is_the_template_with_the_right_answers(
    joint: bool, images: TestDataset, tmp_path: Path
) -> None:
    rows = write(inferrer(images, joint=joint), Reads(joint), tmp_path)
    lines = (tmp_path / "submission.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "ImageID,ans"
    assert lines[1:] == [f"{name},{answer}" for name, answer in zip(IDS, CLASS_OF, strict=True)]
    assert rows == [{"ImageID": name, "ans": str(answer)} for name, answer in zip(IDS, CLASS_OF, strict=True)]


@pytest.mark.parametrize("joint", [False, True])
def test_probabilities_of_each_question_sum_to_one_and_agree_with_the_submission(
    joint: bool, images: TestDataset, tmp_path: Path
) -> None:
    write(inferrer(images, joint=joint), Reads(joint), tmp_path)
    found = read_table(tmp_path / "test_predictions.csv", ("ImageID",))
    assert [row["ImageID"] for row in found.rows] == list(IDS)
    spaces = MaskTask(joint=joint).spaces
    assert found.columns[1:] == tuple(f"{space.name}/{label}" for space in spaces for label in space.labels)
    for row, answer in zip(found.rows, CLASS_OF, strict=True):
        best = []
        for space in spaces:
            values = {label: float(row[f"{space.name}/{label}"]) for label in space.labels}
            assert sum(values.values()) == pytest.approx(1, abs=2e-5)
            best.append(max(values, key=lambda label: values[label]))
        assert " ".join(best) == CLASSES[answer]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("joint", [False, True])
def test_logits_that_are_no_numbers_are_refused_and_nothing_is_written(
    value: float, joint: bool, images: TestDataset, tmp_path: Path
) -> None:
    with pytest.raises(PodiumError, match="not finite numbers: nothing was written"):
        write(inferrer(images, joint=joint), Reads(joint, broken=value), tmp_path)
    assert not list(tmp_path.glob("*.csv"))


# Trap "rows reordered by a shuffled loader or by sort, wrong count".
@pytest.mark.parametrize(
    "rows", [[6, 5, 4, 3, 2, 1, 0], [0, 1, 2], [0, 1, 2, 3, 4, 5, 5], [0, 1, 2, 3, 4, 5, 6, 0]]
)
def test_batches_that_are_shuffled_or_lack_or_repeat_an_image_are_refused(
    rows: list[int], images: TestDataset, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="once each, in order: nothing was written"):
        write(inferrer(images, rows=rows), Reads(), tmp_path)
    assert not list(tmp_path.glob("*.csv"))

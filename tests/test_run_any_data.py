"""The whole way on data that nobody laid out for this project: handwritten digits."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from run import main
from tests.digits import canvases, digits, write_csv, write_folders, write_images

CONFIG = """
[run]
name = digits
seed = 3
device = cpu
[paths]
data = {data}
runs = {work}/runs
cache = {work}/cache
[task]
{task}
[dataset]
{dataset}
[test_dataset]
{eval}
[images]
size = {size}, {size}
[model]
name = SmallResNet
widths = 16, 32, 64
blocks = 1, 1, 1
[loss]
name = {loss}
[optimizer]
name = AdamW
lr = 0.01
[scheduler]
name = OneCycle
[train]
epochs = {epochs}
batch_size = 32
"""
DRAWN_AND_SCORED = "[callback.TensorBoard]\n[callback.TrainScores]\n"


def podium(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.slow
def test_handwritten_digits_in_folders_are_told_apart(tmp_path: Path) -> None:
    images, labels = digits()
    write_folders(tmp_path / "data", range(1500))
    names = write_images(tmp_path / "data" / "test", images[1500:])
    config = tmp_path / "config.ini"
    config.write_text(
        CONFIG.format(
            data=tmp_path / "data", work=tmp_path, task="name = ClassificationTask", size=16, epochs=6,
            dataset="name = FolderDataset", eval="name = FolderTestDataset", loss="CrossEntropy",
        )
        + DRAWN_AND_SCORED
    )  # fmt: skip
    assert podium(config) == 0
    folder = tmp_path / "runs" / "digits" / "001"
    assert json.loads((folder / "scores.json").read_text())["scores"]["accuracy"] > 0.9
    assert podium(config, "--mode", "infer") == 0
    submission = table(folder / "submission.csv")
    assert [row["id"] for row in submission] == [f"{name}.png" for name in names]
    assert np.mean([int(row["label"]) for row in submission] == labels[1500:]) > 0.9


@pytest.fixture(scope="module")
def multi_label(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[list[int]]]:
    """A config and the run trained by it on canvases of several digits, and what is on the eval ones."""
    work = tmp_path_factory.mktemp("canvases")
    data = work / "data"
    images, present = canvases(1600, 1, slice(1300))
    names = write_images(data / "train", images)
    rows = [[name, " ".join(map(str, found))] for name, found in zip(names, present, strict=True)]
    write_csv(data / "train.csv", ("image", "digits"), rows)
    images, present = canvases(300, 2, slice(1300, None))
    names = write_images(data / "test", images)
    order = np.random.default_rng(0).permutation(len(names))
    write_csv(data / "sample_submission.csv", ("image", "digits"), [[names[i], "0"] for i in order])
    config = work / "config.ini"
    config.write_text(
        CONFIG.format(
            data=data, work=work, size=32, epochs=8, loss="BinaryCrossEntropy",
            task="name = MultiLabelTask\ndecide = tuned\ncolumn = digits",
            dataset="name = CsvDataset\nlabel_column = digits\nextension = .png",
            eval="table = sample_submission.csv\nimages = test\nextension = .png",
        )
    )  # fmt: skip
    assert podium(config) == 0
    return config, work / "runs" / "digits" / "001", [present[i] for i in order]


@pytest.mark.slow
def test_several_digits_on_a_canvas_are_found(multi_label: tuple[Path, Path, list[list[int]]]) -> None:
    _, folder, present = multi_label
    finished = json.loads((folder / "scores.json").read_text())
    true = np.array([[digit in found for digit in range(10)] for found in present])
    chance = true.mean()  # the mAP of answers that know nothing
    assert finished["monitor"] == "mAP"
    assert finished["scores"]["mAP"] > 0.8 > 4 * chance
    assert "labels = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in (folder / "config.ini").read_text()
    tuned = finished["scores_on_the_images_tuned_on"]
    assert tuned["macro_f1"] >= finished["scores"]["macro_f1"]
    assert tuned["mAP"] == finished["scores"]["mAP"]


@pytest.mark.slow
def test_prediction_needs_no_training_data_and_uses_the_tuned_thresholds(
    multi_label: tuple[Path, Path, list[list[int]]],
) -> None:
    config, folder, present = multi_label
    data = config.parent / "data"
    (data / "train.csv").rename(data / "gone.csv")
    assert podium(config, "--mode", "infer") == 0
    submission = table(folder / "submission.csv")
    template = table(data / "sample_submission.csv")
    assert [row["image"] for row in submission] == [row["image"] for row in template]
    true = np.array([[digit in found for digit in range(10)] for found in present])
    chosen = np.array([[str(digit) in row["digits"].split() for digit in range(10)] for row in submission])
    found = table(folder / "test_predictions.csv")
    probabilities = np.array([[float(row[f"labels/{digit}"]) for digit in range(10)] for row in found])
    thresholds = json.loads((folder / "scores.json").read_text())["tuning"]["thresholds"]
    assert np.array_equal(chosen, probabilities >= thresholds)
    assert f1_score(true, chosen, average="macro") > 0.7
    assert average_precision_score(true, probabilities) > 0.8


@pytest.mark.slow
def test_what_is_submitted_may_be_changed_when_a_run_predicts_and_nothing_else(
    multi_label: tuple[Path, Path, list[list[int]]], capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder, _ = multi_label
    data = config.parent / "data"
    rows = [[row["image"], *"0000000000"] for row in table(data / "sample_submission.csv")]
    write_csv(data / "wide.csv", ("image", *"9876543210"), rows)
    wide = ("--mode", "infer", "--set", "test_dataset.table=wide.csv")
    assert podium(config, *wide) == 3
    assert "the task writes digits" in capsys.readouterr().err
    assert podium(config, *wide, "--set", "task.submit=binary", "--set", "task.decide=threshold") == 0
    binary = table(folder / "submission.csv")
    assert list(binary[0]) == ["image", *"9876543210"]
    assert podium(config, *wide, "--set", "task.submit=probabilities") == 0
    probabilities = table(folder / "submission.csv")
    for zeros_and_ones, shares in zip(binary, probabilities, strict=True):
        for digit in "0123456789":
            assert zeros_and_ones[digit] == str(int(float(shares[digit]) >= 0.5))
    assert podium(config, *wide, "--set", "task.labels=1,2") == 2
    assert "belongs to training" in capsys.readouterr().err

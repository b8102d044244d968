"""Whole small competitions by their own metric, from a table to a checked submission."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as theirs

from run import main
from tests.digits import digits, write_csv, write_images
from tests.experiment.smallest import DIGITS_RUN

CONFIG = (
    DIGITS_RUN.replace("{name}", "digits")
    + """
[task]
name = ClassificationTask
{task}
[metric]
{metric}
[dataset]
name = CsvDataset
label_column = label
extension = .png
[loss]
name = CrossEntropy
[scheduler]
name = ReduceOnPlateau
[train]
epochs = 3
batch_size = 16
[callback.EarlyStopping]
patience = 2
"""
)


@pytest.fixture
def competition(tmp_path: Path):
    """A function that writes a competition of the first digits and its config, and runs it."""

    def run(metric: str, *arguments: str, classes: int = 3, task: str = "") -> int:
        if not (tmp_path / "data").exists():
            draw(tmp_path / "data", classes, probabilities="probabilities" in task)
        config = tmp_path / "config.ini"
        config.write_text(CONFIG.format(work=tmp_path, metric=metric, task=task), encoding="utf-8")
        return main(["--config", str(config), *arguments])

    return run


def draw(data: Path, classes: int, *, probabilities: bool) -> None:
    images, labels = digits()
    rows = np.flatnonzero(labels < classes)[:200]
    names = write_images(data / "train", images[rows])
    write_csv(
        data / "train.csv",
        ("image", "label"),
        [[n, str(labels[r])] for n, r in zip(names, rows, strict=True)],
    )
    write_images(data / "test", images[np.flatnonzero(labels < classes)[200:220]])
    columns = [str(label) for label in range(classes)] if probabilities else ["label"]
    rows_of_template = [[f"{number:04d}", *("0" for _ in columns)] for number in range(20)]
    write_csv(data / "sample.csv", ("id", *columns), rows_of_template)


def validated(folder: Path) -> tuple[np.ndarray, np.ndarray, dict]:
    """Return true labels, probabilities and what scores.json says."""
    truth = {row["image"]: int(row["label"]) for row in table(folder.parents[2] / "data" / "train.csv")}
    rows = table(folder / "valid_predictions.csv")
    columns = [name for name in rows[0] if "/" in name]
    sure = np.array([[float(row[name]) for name in columns] for row in rows])
    true = np.array([truth[Path(row["id"]).stem] for row in rows])
    return true, sure / sure.sum(axis=1, keepdims=True), json.loads((folder / "scores.json").read_text())


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def epochs(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_grades_by_kappa(competition, tmp_path, capsys):
    assert competition("name = QuadraticKappa", classes=5) == 0
    folder = tmp_path / "runs" / "digits" / "001"
    true, sure, said = validated(folder)
    expected = theirs.cohen_kappa_score(true, sure.argmax(axis=1), weights="quadratic")
    assert said["monitor"] == "quadratic_kappa"
    assert said["scores"]["quadratic_kappa"] == pytest.approx(expected, abs=1e-9)
    history = [entry["quadratic_kappa"] for entry in epochs(folder)]
    assert said["best_epoch"] == history.index(max(history)) + 1
    low, high = said["intervals"]["quadratic_kappa"]
    assert low <= expected <= high
    assert competition("name = QuadraticKappa", "--mode", "infer", classes=5) == 0
    assert len(table(folder / "submission.csv")) == 20


@pytest.mark.slow
def test_classes_by_log_loss_with_a_column_each_where_lower_is_better(competition, tmp_path, caplog):
    task, metric = "submit = probabilities", "name = LogLoss"
    assert competition(metric, task=task) == 0
    assert competition(metric, "--set", "optimizer.lr=0.003", task=task) == 0
    runs = tmp_path / "runs" / "digits"
    for version in ("001", "002"):
        true, sure, said = validated(runs / version)
        assert said["scores"]["log_loss"] == pytest.approx(theirs.log_loss(true, sure), abs=1e-5)
        history = [entry["log_loss"] for entry in epochs(runs / version)]
        assert said["best_epoch"] == history.index(min(history)) + 1
        assert said["lower_is_better"] == ["log_loss"]

    caplog.clear()
    assert competition(metric, "--mode", "compare", "001", "002", task=task) == 0
    assert "log_loss (lower is better)" in caplog.text
    assert competition(metric, "--mode", "ensemble", "001", "002", task=task) == 0
    made = json.loads((tmp_path / "runs" / "digits_ensemble" / "001" / "scores.json").read_text())
    ways = {(way["name"], way["decision"]): way["log_loss"] for way in made["of_ways"]}
    # What is taken is never worse than the plain mean, and where it isn't that it gains beyond noise.
    assert made["scores"]["log_loss"] <= ways["SoftVote", None] + 1e-6
    assert made["scores"]["log_loss"] > 0

    assert competition(metric, "--mode", "infer", "--run", str(runs / "001"), task=task) == 0
    rows = table(runs / "001" / "submission.csv")
    assert [sum(float(row[name]) for name in "012") for row in rows] == pytest.approx([1.0] * 20, abs=1e-5)


@pytest.mark.slow
def test_two_classes_by_auc_and_by_a_file_of_the_team(competition, tmp_path):
    file = tmp_path / "auc.py"
    file.write_text(
        "from sklearn.metrics import roc_auc_score\n"
        "def score(labels, probabilities):\n"
        "    return roc_auc_score(labels[:, 1], probabilities[:, 1])\n",
        encoding="utf-8",
    )
    assert competition("name = RocAuc", classes=2) == 0
    assert competition(f"file = {file}", classes=2) == 0
    runs = tmp_path / "runs" / "digits"
    true, sure, said = validated(runs / "001")
    expected = theirs.roc_auc_score(true, sure[:, 1])
    assert said["scores"]["roc_auc"] == pytest.approx(expected, abs=1e-6)
    other = json.loads((runs / "002" / "scores.json").read_text())
    assert other["monitor"] == "auc"
    assert [entry["auc"] for entry in epochs(runs / "002")] == pytest.approx(
        [entry["roc_auc"] for entry in epochs(runs / "001")], abs=1e-9
    )
    assert competition("name = RocAuc", "--mode", "infer", "--run", str(runs / "001"), classes=2) == 0


@pytest.mark.slow
def test_a_bad_metric_file_ends_with_its_line_and_leaves_no_run(competition, tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "def score(labels, probabilities):\n    return labels.sum() / 0\n    \n", encoding="utf-8"
    )
    assert competition(f"file = {tmp_path / 'other.py'}") == 2
    file.write_text("def score(labels):\n    return 1\n", encoding="utf-8")
    assert competition(f"file = {file}") == 2
    assert "line 1: score(labels) can't be called" in capsys.readouterr().err
    assert not list((tmp_path / "runs").rglob("scores.json"))

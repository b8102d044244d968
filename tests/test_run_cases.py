"""A whole small competition of cases: several images and one answer, from a table to a checked submission."""

import csv
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as theirs

from run import main
from tests.digits import digits, write_csv, write_images
from utils.read_json import read_json

CONFIG = """
[run]
name = cases
seed = 3
device = cpu
[paths]
data = {work}/data
runs = {work}/runs
cache = {work}/cache
[task]
name = ClassificationTask
column = digit
[dataset]
name = CsvDataset
label_column = digit
case_column = patient
extension = .png
folds = 3
[test_dataset]
table = test.csv
template = sample.csv
images = test
extension = .png
[images]
size = 16, 16
[model]
name = SmallResNet
widths = 8, 16
blocks = 1, 1
[optimizer]
name = AdamW
lr = 0.004
[train]
epochs = 2
batch_size = 16
"""
CLASSES = 3


@pytest.fixture
def competition(tmp_path: Path):
    """A function that runs a competition of patients with one to three images each, all of one digit."""
    images, labels = digits()
    rng = np.random.default_rng(5)
    rows, of = [], []
    for patient in range(60):
        digit = patient % CLASSES
        for image in rng.choice(np.flatnonzero(labels == digit), 1 + patient % 3, replace=False):
            rows.append(image)
            of.append((f"p{patient:02d}", str(digit)))
    order = rng.permutation(len(rows))  # a case's images are not beside one another
    rows, of = [rows[i] for i in order], [of[i] for i in order]

    data, known = tmp_path / "data", [i for i, (patient, _) in enumerate(of) if patient < "p45"]
    asked = [i for i in range(len(rows)) if i not in known]
    names = write_images(data / "train", images[[rows[i] for i in known]])
    write_csv(
        data / "train.csv",
        ("image", "patient", "digit"),
        [[name, *of[i]] for name, i in zip(names, known, strict=True)],
    )
    names = write_images(data / "test", images[[rows[i] for i in asked]])
    write_csv(
        data / "test.csv",
        ("image", "patient"),
        [[name, of[i][0]] for name, i in zip(names, asked, strict=True)],
    )
    patients = sorted({of[i][0] for i in asked}, reverse=True)
    write_csv(data / "sample.csv", ("patient", "digit"), [[patient, "0"] for patient in patients])
    config = tmp_path / "config.ini"
    config.write_text(CONFIG.format(work=tmp_path), encoding="utf-8")

    def run(*arguments: str) -> int:
        return main(["--config", str(config), *arguments])

    return run


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sure(rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([[float(row[f"label/{digit}"]) for digit in range(CLASSES)] for row in rows])


@pytest.mark.slow
def test_a_case_is_scored_once_and_answered_once(competition, tmp_path, capsys) -> None:
    assert competition() == 0
    run = tmp_path / "runs" / "cases" / "001"
    validated, scores = table(run / "valid_predictions.csv"), read_json(run / "scores.json")
    truth = {row["patient"]: row["digit"] for row in table(tmp_path / "data" / "train.csv")}
    assert len({row["group"] for row in validated}) == len(validated) == 15  # of 45 patients in three folds
    true = [int(truth[row["group"]]) for row in validated]
    assert scores["scores"]["accuracy"] == pytest.approx(
        theirs.accuracy_score(true, sure(validated).argmax(axis=1))
    )

    assert competition("--mode", "infer", "--run", str(run)) == 0
    submission, predicted = table(run / "submission.csv"), table(run / "test_predictions.csv")
    assert [row["patient"] for row in submission] == [f"p{number}" for number in range(59, 44, -1)]
    assert [row["patient"] for row in predicted] == [row["patient"] for row in submission]
    assert [int(row["digit"]) for row in submission] == sure(predicted).argmax(axis=1).tolist()
    assert competition("--mode", "check", str(run / "submission.csv")) == 0

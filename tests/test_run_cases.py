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
features = age, ward
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


def draw(data: Path, *, template_of: str = "patient") -> None:
    """Draw patients with one to three images each, all of one digit; 45 of 60 are known.

    Args:
        template_of: the column with the ids of the template.
    """
    images, labels = digits()
    rng = np.random.default_rng(5)
    drawn = []
    for patient in range(60):
        digit = patient % CLASSES
        chosen = rng.choice(np.flatnonzero(labels == digit), 1 + patient // CLASSES % 3, replace=False)
        age = "" if patient % 9 == 0 else f"{30 + 20 * digit + rng.integers(0, 20)}"
        ward = ("north", "south", "")[patient % 7 // 3] if patient < 58 else "west"
        drawn += [(images[row], f"p{patient:02d}", age, ward, str(digit)) for row in chosen]
    rng.shuffle(drawn)  # the images of a case are not beside one another

    for part, known in (("train", True), ("test", False)):
        rows = [row for row in drawn if (row[1] < "p45") == known]
        names = write_images(data / part, np.stack([image for image, *_ in rows]))
        columns = ("image", "patient", "age", "ward", "digit")[: 5 if known else 4]
        cells = [[name, *row[1 : len(columns)]] for name, row in zip(names, rows, strict=True)]
        write_csv(data / f"{part}.csv", columns, cells)

    ids = sorted({row[template_of] for row in table(data / "test.csv")}, reverse=True)
    write_csv(data / "sample.csv", (template_of, "digit"), [[name, "0"] for name in ids])


@pytest.fixture
def competition(tmp_path: Path):
    """A function that runs the competition."""
    draw(tmp_path / "data")
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

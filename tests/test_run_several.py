"""Whole small competitions of several questions, of several kinds, from a table to a checked submission."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as theirs

from run import main
from tests.digits import digits, write_all_that_shows_scores, write_csv, write_images
from tests.experiment.smallest import DIGITS_RUN
from train.callbacks.events import points_in

CONFIG = (
    DIGITS_RUN.replace("{name}", "mixed")
    + """
[task]
name = SeveralTask
classes = parity
grades = grade
numbers = ink
values = {{"grade": ["low", "fair", "high"]}}
decides = grade
[dataset]
name = CsvDataset
extension = .png
[loss]
name = CrossEntropy
[loss.grade]
name = CORN
[loss.ink]
name = Huber
weight = 2
[augmentation.MixUp]
[callback.EMA]
decay = 0.9
[train]
epochs = 4
batch_size = 16
"""
)
COLUMNS = ("image", "parity", "grade", "ink", "tags")


def row_of(number: int, digit: int, ink: float) -> list[str]:
    """What a table says of a digit: parity, how inky in words and in numbers, tags; with some gaps."""
    grade = ("low", "fair", "high")[int(np.searchsorted([30, 34], ink))]
    tags = " ".join(tag for tag, has in {"big": digit > 4, "three": digit % 3 == 0}.items() if has)
    parity, number_text = ("even", "odd")[digit % 2], f"{ink:.3f}"
    return [
        "" if number % 9 == 1 else parity,
        "" if number % 9 == 2 else grade,
        "NA" if number % 9 == 3 else number_text,
        tags,
    ]


@pytest.fixture
def competition(tmp_path: Path):
    """A function that runs a competition of several questions."""
    images, found = digits()
    ink = images.reshape(len(images), -1).mean(axis=1) / 2.55
    data = tmp_path / "data"
    names = write_images(data / "train", images[:200])
    rows = [[name, *row_of(i, int(found[i]), float(ink[i]))] for i, name in enumerate(names)]
    write_csv(data / "train.csv", COLUMNS, rows)
    names = write_images(data / "test", images[200:220])
    write_csv(
        data / "sample.csv", ("image", "ink", "grade", "parity"), [[name, 0, "low", "odd"] for name in names]
    )
    config = tmp_path / "config.ini"
    config.write_text(CONFIG.format(work=tmp_path), encoding="utf-8")

    def run(*arguments: str) -> int:
        return main(["--config", str(config), *arguments])

    return run


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_class_a_grade_and_a_number_in_one_model(competition, tmp_path, capsys):
    assert competition() == 0
    run = tmp_path / "runs" / "mixed" / "001"
    truth = {f"train/{row['image']}.png": row for row in table(tmp_path / "data" / "train.csv")}
    said = table(run / "valid_predictions.csv")
    kept = json.loads((run / "scores.json").read_text())
    scores = kept["scores"]
    assert kept["monitor"] == "quadratic_kappa"

    pairs = [
        (float(truth[row["id"]]["ink"]), float(row["ink/value"]))
        for row in said
        if truth[row["id"]]["ink"] != "NA"
    ]
    assert len(pairs) < len(said)
    true, answered = np.array(pairs).T
    assert scores["ink/rmse"] == pytest.approx(theirs.root_mean_squared_error(true, answered), rel=1e-5)
    assert scores["ink/rmse"] < 0.9 * true.std()  # it has learnt something
    grades = ("low", "fair", "high")
    graded = [
        (
            grades.index(truth[row["id"]]["grade"]),
            int((np.cumsum([float(row[f"grade/{name}"]) for name in grades])[:2] < 0.5).sum()),
        )
        for row in said
        if truth[row["id"]]["grade"]
    ]
    kappa = theirs.cohen_kappa_score(*np.array(graded).T, weights="quadratic", labels=range(3))
    assert scores["quadratic_kappa"] == pytest.approx(kappa, abs=1e-6)
    parities = [
        (truth[row["id"]]["parity"], "even" if float(row["parity/even"]) >= 0.5 else "odd") for row in said
    ]
    right = [true == chosen for true, chosen in parities if true]
    assert scores["parity/accuracy"] == pytest.approx(np.mean(right))

    assert competition("--mode", "infer", "--run", str(run), "--set", "infer.views=Flip") == 0
    handed_in = table(run / "submission.csv")
    assert list(handed_in[0]) == ["image", "ink", "grade", "parity"]
    assert [float(row["ink"]) for row in handed_in] == [
        float(row["ink/value"]) for row in table(run / "test_predictions.csv")
    ]
    assert competition("--mode", "check", str(run / "submission.csv")) == 0
    text = (run / "submission.csv").read_text(encoding="utf-8")
    (run / "submission.csv").write_text(text.replace(handed_in[0]["ink"], "much", 1), encoding="utf-8")
    assert competition("--mode", "check", str(run / "submission.csv")) == 3
    assert "ink = 'much' is no number" in capsys.readouterr().err


def means(folder: Path, column: str) -> dict[str, float]:
    rows = [table(fold / "test_predictions.csv") for fold in sorted(folder.glob("fold-*"))]
    return {
        row["image"]: np.mean([float(fold[number][column]) for fold in rows])
        for number, row in enumerate(rows[0])
    }


@pytest.mark.slow
def test_folds_and_ensembles_of_mixed_questions_are_means_and_numbers_go_into_columns_of_their_own(
    competition, tmp_path
):
    folds = ("--folds", "all", "--set", "dataset.folds=2", "--set", "train.epochs=1")
    assert competition(*folds) == 0
    assert competition(*folds, "--set", "loss.grade.name=CumulativeLink", "--set", "task.decides=ink") == 0
    runs = tmp_path / "runs"
    assert (
        competition("--mode", "ensemble", "001", "002", "--set", "ensemble.method=SoftVote") == 2
    )  # not the same

    assert competition(*folds, "--set", "loss.grade.name=CumulativeLink", "--set", "train.epochs=1") == 0
    assert competition("--mode", "ensemble", "001", "003", "--set", "ensemble.method=SoftVote") == 0
    together = runs / "mixed_ensemble" / "001"
    first, second = (table(runs / "mixed" / version / "out_of_fold.csv") for version in ("001", "003"))
    for row, a, b in zip(table(together / "out_of_fold.csv"), first, second, strict=True):
        for column in ("parity/odd", "grade/high", "ink/value"):
            assert float(row[column]) == pytest.approx(
                (float(a[column]) + float(b[column])) / 2, abs=2e-6, rel=1e-6
            )

    write_csv(tmp_path / "data" / "sample.csv", ("image", "n"), [[f"{row:04d}", 0] for row in range(20)])
    numbers = ("--set", "submission.name=Numbers", "--set", "submission.decimals=3")
    assert competition("--mode", "infer", "--run", str(runs / "mixed" / "002"), *numbers) == 0
    handed_in = {row["image"]: float(row["n"]) for row in table(runs / "mixed" / "002" / "submission.csv")}
    assert handed_in == pytest.approx(means(runs / "mixed" / "002", "ink/value"), abs=6e-4)


@pytest.mark.slow
def test_what_shows_scores_takes_numbers_beside_labels(competition, tmp_path):
    write_all_that_shows_scores(tmp_path / "config.ini", "epochs = 4")
    assert competition() == 0
    tags = {tag for _, tag in points_in(tmp_path / "runs" / "mixed" / "001" / "tensorboard")}
    assert "epoch/train_loss" in tags
    assert {tag for tag in tags if " f1/" in tag and not tag.startswith("train_")} == {
        "parity f1/even",
        "parity f1/odd",
        "grade f1/low",
        "grade f1/fair",
        "grade f1/high",
    }

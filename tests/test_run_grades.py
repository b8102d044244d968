"""Whole small competitions whose answers are grades, from a table to a checked submission."""

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
    DIGITS_RUN.replace("{name}", "ink")
    + """
[task]
name = OrdinalTask
column = grade
[dataset]
name = CsvDataset
label_column = grade
extension = .png
[loss]
name = CORN
[augmentation.CutMix]
[callback.EMA]
decay = 0.9
[train]
epochs = 4
batch_size = 16
"""
)


def ink(images):
    """Grades from 0 to 4 by how much ink is in a digit: few of the highest ones."""
    amount = images.reshape(len(images), -1).mean(axis=1)
    return np.searchsorted(np.quantile(amount, [0.45, 0.7, 0.85, 0.95]), amount)


@pytest.fixture
def competition(tmp_path: Path):
    """A function that runs a competition of grades."""
    images, _ = digits()
    grades, data = ink(images), tmp_path / "data"
    names = write_images(data / "train", images[:200])
    write_csv(data / "train.csv", ("image", "grade"), list(zip(names, grades[:200].tolist(), strict=True)))
    names = write_images(data / "test", images[200:220])
    write_csv(data / "sample.csv", ("image", "grade"), [[name, "0"] for name in names])
    config = tmp_path / "config.ini"
    config.write_text(CONFIG.format(work=tmp_path), encoding="utf-8")

    def run(*arguments: str) -> int:
        return main(["--config", str(config), *arguments])

    return run


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def probabilities(path: Path) -> dict[str, list[float]]:
    return {
        next(iter(row.values())): [float(row[f"label/{grade}"]) for grade in range(5)] for row in table(path)
    }


def median(row: list[float]) -> int:
    return int((np.cumsum(row)[:-1] < 0.5).sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss", [["name=CORN"], ["name=CumulativeLink"], ["name=CumulativeLink", "cost=questions"]]
)
def test_grades_are_learnt_scored_by_kappa_and_handed_in(competition, tmp_path, capsys, loss):
    assert competition(*(part for option in loss for part in ("--set", f"loss.{option}"))) == 0
    run = tmp_path / "runs" / "ink" / "001"
    said = probabilities(run / "valid_predictions.csv")
    assert np.allclose(np.sum(list(said.values()), axis=1), 1, atol=1e-5)
    truth = {f"train/{row['image']}.png": int(row["grade"]) for row in table(tmp_path / "data" / "train.csv")}
    scores = json.loads((run / "scores.json").read_text())
    assert scores["monitor"] == "quadratic_kappa"
    pairs = np.array([(truth[name], median(row)) for name, row in said.items()])
    kappa = theirs.cohen_kappa_score(*pairs.T, weights="quadratic", labels=range(5))
    assert scores["scores"]["quadratic_kappa"] == pytest.approx(kappa, abs=1e-6)
    assert kappa > 0.3  # it has learnt something

    assert competition("--mode", "infer", "--run", str(run), "--set", "infer.views=Flip") == 0
    predicted = probabilities(run / "test_predictions.csv")
    handed_in = {row["image"]: int(row["grade"]) for row in table(run / "submission.csv")}
    assert handed_in == {name: median(row) for name, row in predicted.items()}
    assert competition("--mode", "check", str(run / "submission.csv")) == 0
    capsys.readouterr()


@pytest.mark.slow
def test_cuts_are_tuned_out_of_fold_for_an_ensemble_and_the_gain_is_printed(competition, tmp_path, caplog):
    fast = ("--folds", "all", "--set", "dataset.folds=3", "--set", "train.epochs=2")
    assert competition(*fast) == 0
    assert competition(*fast, "--set", "loss.name=CrossEntropy") == 0
    caplog.set_level("INFO", logger="podium")
    assert competition("--mode", "ensemble", "001", "002", "--set", "ensemble.decision=Cuts") == 0
    made = tmp_path / "runs" / "ink_ensemble" / "001"
    kept = json.loads((made / "scores.json").read_text())
    ways = {way["decision"]: way["quadratic_kappa"] for way in kept["of_ways"] if way["name"] == "SoftVote"}
    assert set(ways) == {None, "Cuts"}
    assert ways["Cuts"] > ways[None] + 0.1  # by far outside noise after so little training
    assert kept["scores"]["quadratic_kappa"] >= ways["Cuts"]
    assert "gain of quadratic_kappa" in caplog.text

    assert competition("--mode", "infer", "--run", str(made)) == 0
    assert competition("--mode", "check", str(made / "submission.csv")) == 0
    assert {row["grade"] for row in table(made / "submission.csv")} <= set("01234")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            ["task.name=ClassificationTask"],
            "CORN is for grades, but labels of 'label' have no order: write name",
        ),
        (
            ["loss.name=MSE"],
            "for that there are ArcFace, AsymmetricLossSingleLabel, CORN, CrossEntropy, Cumul",
        ),
        (["loss.name=Sum", "loss.parts=CORN:1, CumulativeLink:1"], "each need a head of their own: keep one"),
        (["task.labels=low, high"], "label '0' is not one of low, high"),
        (["task.labels=0"], "'0' alone leaves nothing to tell apart"),
    ],
)
def test_what_makes_no_sense_of_grades_is_refused_before_training(
    competition, tmp_path, capsys, changes, words
):
    assert competition(*(part for change in changes for part in ("--set", change))) in (2, 3)
    assert words in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_grades_in_words_need_their_order(competition, tmp_path, capsys):
    path = tmp_path / "data" / "train.csv"
    words = ("none", "mild", "moderate", "severe", "worst")
    rows = [[row["image"], words[int(row["grade"])]] for row in table(path)]
    write_csv(path, ("image", "grade"), rows)
    assert competition() == 2
    said = capsys.readouterr().err
    assert "nobody knows the order of the grades 'mild', 'moderate', 'none', 'severe', 'worst'" in said
    assert "labels = THE LOWEST, ..., THE HIGHEST" in said

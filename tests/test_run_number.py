"""Whole small competitions whose answer is a number, from a table to a checked submission."""

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
from utils.read_json import read_json

CONFIG = (
    DIGITS_RUN.replace("{name}", "ink")
    + """
[task]
name = RegressionTask
column = ink
[dataset]
name = CsvDataset
label_column = ink
extension = .png
[loss]
name = MSE
[augmentation.MixUp]
[callback.EMA]
decay = 0.9
[train]
epochs = 5
batch_size = 16
"""
)


@pytest.fixture
def competition(tmp_path: Path):
    """A function that runs a competition: how much ink is in a digit; some are not told."""
    images, _ = digits()
    ink = images.reshape(len(images), -1).mean(axis=1) * 100
    data = tmp_path / "data"
    names = write_images(data / "train", images[:200])
    rows = [[name, "" if i % 11 == 0 else f"{ink[i]:.3f}"] for i, name in enumerate(names)]
    write_csv(data / "train.csv", ("image", "ink"), rows)
    names = write_images(data / "test", images[200:220])
    write_csv(data / "sample.csv", ("image", "ink"), [[name, "0"] for name in names])
    config = tmp_path / "config.ini"
    config.write_text(CONFIG.format(work=tmp_path), encoding="utf-8")

    def run(*arguments: str) -> int:
        return main(["--config", str(config), *arguments])

    return run


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(path: Path, column: str = "number/value") -> dict[str, float]:
    rows = table(path)
    return {next(iter(row.values())): float(row[column]) for row in rows}


@pytest.mark.slow
def test_a_number_is_scored_in_its_own_units_and_handed_in(competition, tmp_path, capsys):
    assert competition() == 0
    run = tmp_path / "runs" / "ink" / "001"
    said, scores = numbers(run / "valid_predictions.csv"), read_json(run / "scores.json")
    true = {f"train/{row['image']}.png": row["ink"] for row in table(tmp_path / "data" / "train.csv")}
    pairs = np.array([(float(true[name]), value) for name, value in said.items() if true[name]])
    assert len(pairs) < len(said)  # those without a number are predicted, not scored
    assert scores["scores"]["rmse"] == pytest.approx(theirs.root_mean_squared_error(*pairs.T), rel=1e-5)
    assert scores["scores"]["mae"] == pytest.approx(theirs.mean_absolute_error(*pairs.T), rel=1e-5)
    assert scores["monitor"] == "rmse"
    assert scores["scores"]["rmse"] < 0.8 * pairs[:, 0].std()  # it has learnt something

    assert competition("--mode", "infer", "--run", str(run)) == 0
    submission = numbers(run / "submission.csv", "ink")
    assert list(submission) == [f"{row:04d}" for row in range(20)]
    assert submission == numbers(run / "test_predictions.csv")
    assert competition("--mode", "check", str(run / "submission.csv")) == 0
    (run / "submission.csv").write_text("image,ink\n0000,much\n", encoding="utf-8")
    assert competition("--mode", "check", str(run / "submission.csv")) == 3
    assert "ink = 'much' is no number" in capsys.readouterr().err

    assert competition("--mode", "pseudo", "--run", str(run)) == 2
    assert "'number', a number, only the spread of several answers says" in capsys.readouterr().err
    assert competition("--mode", "review", "--run", str(run)) == 0
    reviewed = table(run / "review" / "numbers.csv")[0]
    assert float(reviewed["RMSE"]) == pytest.approx(scores["scores"]["rmse"], rel=1e-5)


@pytest.mark.slow
def test_folds_and_an_ensemble_are_means_of_numbers(competition, tmp_path, capsys):
    for loss in ("MSE", "Huber"):
        assert competition("--folds", "all", "--set", "train.epochs=1", "--set", f"loss.name={loss}") == 0
    runs = tmp_path / "runs"
    first, second = (numbers(runs / "ink" / version / "out_of_fold.csv") for version in ("001", "002"))
    assert len(first) == 200
    assert competition("--mode", "ensemble", "001", "002", "--set", "ensemble.method=SoftVote") == 0
    together = runs / "ink_ensemble" / "001"
    assert numbers(together / "out_of_fold.csv") == pytest.approx(
        {name: (value + second[name]) / 2 for name, value in first.items()}
    )
    assert competition("--mode", "infer", "--run", str(together)) == 0
    folds = [numbers(runs / "ink" / "001" / f"fold-{fold}" / "test_predictions.csv") for fold in range(5)]
    mean = {name: np.mean([fold[name] for fold in folds]) for name in folds[0]}
    assert numbers(runs / "ink" / "001" / "submission.csv", "ink") == pytest.approx(mean, rel=1e-6)

    assert competition("--mode", "compare", "001", "002") == 0
    assert competition("--mode", "ensemble", "001", "002", "--set", "ensemble.method=HardVote") == 2
    assert "HardVote needs probabilities, and RegressionTask has a number" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_bits(competition, tmp_path, monkeypatch):
    from train.validator import Validator

    assert competition() == 0
    calls, run = [], Validator.run

    def stopping(self, model):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, model)

    monkeypatch.setattr(Validator, "run", stopping)
    assert competition() == 4
    monkeypatch.setattr(Validator, "run", run)
    assert competition("--resume") == 0
    whole, stopped = (tmp_path / "runs" / "ink" / version for version in ("001", "002"))
    for name in ("valid_predictions.csv", "priors.json"):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes()
    history = [
        [json.loads(line)["rmse"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (whole, stopped)
    ]
    assert history[0] == history[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["loss.name=CrossEntropy"], "for that there are Huber, MAE, MSE, Quantile"),
        (["metric.name=MacroF1"], "this question has a number for each image"),
        (["loss.class_weights=balanced"], "class_weights weigh images by their one class"),
    ],
)
def test_what_is_for_labels_is_refused_before_an_image_is_read(competition, tmp_path, capsys, changes, words):
    assert competition(*(part for change in changes for part in ("--set", change))) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_bad_cells_are_named_with_their_lines(competition, tmp_path, capsys):
    path = tmp_path / "data" / "train.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[3], lines[5] = "0002,old", '0004,"1,5"'
    path.write_text("\n".join(lines), encoding="utf-8")
    assert competition() == 3
    said = capsys.readouterr().err
    assert "train.csv line 4: 'old' is no number" in said
    assert "train.csv line 6: '1,5' is no number: write 1.5" in said


@pytest.mark.slow
def test_what_shows_scores_takes_a_number(competition, tmp_path):
    write_all_that_shows_scores(tmp_path / "config.ini", "epochs = 5")
    assert competition() == 0
    tags = {tag for _, tag in points_in(tmp_path / "runs" / "ink" / "001" / "tensorboard")}
    assert "epoch/train_loss" in tags
    assert {tag for tag in tags if " f1/" in tag and not tag.startswith("train_")} == set()

"""The whole way from several runs to one submission, with any labels and with labels on levels."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.digits import LEVELS, canvases, digits, path_of, write_csv, write_images
from tests.test_run_any_data import CONFIG, podium, table

READER = "name = CsvDataset\nextension = .png"
EVAL = "table = sample_submission.csv\nimages = test\nextension = .png"


def two_runs(work: Path, **pieces: str) -> Path:
    """Train two runs of a config, of two folds each; return the config."""
    config = work / "config.ini"
    config.write_text(CONFIG.format(data=work / "data", work=work, size=16, epochs=2, **pieces))
    assert podium(config, "--folds", "0,1") == 0
    assert (
        podium(config, "--folds", "0,1", "--set", "model.widths=8, 16, 32", "--set", "optimizer.lr=0.02") == 0
    )
    return config


def made(config: Path, *arguments: str) -> Path:
    """Make an ensemble of both runs and predict with it; return its folder."""
    assert podium(config, "--mode", "ensemble", "001", "002", *arguments) == 0
    folder = sorted((config.parent / "runs" / "digits_ensemble").iterdir())[-1]
    assert podium(config, "--mode", "infer", "--run", str(folder)) == 0
    return folder


@pytest.mark.slow
def test_labels_on_levels_some_of_them_missing(tmp_path: Path) -> None:
    images, labels = digits()
    names = write_images(tmp_path / "data" / "train", images[:500])
    rows = [[name, *path_of(digit)] for name, digit in zip(names, labels.tolist(), strict=False)]
    for number, row in enumerate(rows):
        row[3] = "" if number % 3 == 0 else row[3]
        row[2] = "" if number % 15 == 0 else row[2]
    write_csv(tmp_path / "data" / "train.csv", ("image", *LEVELS), rows)
    names = write_images(tmp_path / "data" / "test", images[1300:1400])
    empty = [[name, "", "", ""] for name in names]
    write_csv(tmp_path / "data" / "sample_submission.csv", ("image", *LEVELS), empty)
    config = two_runs(
        tmp_path,
        task="name = HierarchyTask\nlevels = parity, size, digit",
        dataset=READER,
        eval=EVAL,
        loss="CrossEntropy",
    )
    folder = made(config)
    ways = json.loads((folder / "scores.json").read_text())["of_ways"]
    score = {one["name"]: one["macro_f1"] for one in ways if one["decision"] is None}
    assert score["SoftVote"] > 0.3
    chosen = json.loads((folder / "scores.json").read_text())["scores"]
    assert chosen["consistency"] == 1
    submission = table(folder / "submission.csv")
    right = [
        tuple(row[level] for level in LEVELS) == path_of(digit)
        for row, digit in zip(submission, labels[1300:1400].tolist(), strict=True)
    ]
    assert np.mean(right) > 0.2  # a tenth by chance


@pytest.mark.slow
def test_any_labels(tmp_path: Path) -> None:
    images, present = canvases(600, 1, slice(1300))
    names = write_images(tmp_path / "data" / "train", images)
    rows = [[name, " ".join(map(str, found))] for name, found in zip(names, present, strict=True)]
    write_csv(tmp_path / "data" / "train.csv", ("image", "digits"), rows)
    images, _ = canvases(50, 2, slice(1300, None))
    names = write_images(tmp_path / "data" / "test", images)
    write_csv(
        tmp_path / "data" / "sample_submission.csv", ("image", "labels"), [[name, ""] for name in names]
    )
    config = two_runs(
        tmp_path,
        task="name = MultiLabelTask\nthreshold = 0.4",
        dataset=f"{READER}\nlabel_column = digits",
        eval=EVAL,
        loss="BinaryCrossEntropy",
    )
    folder = made(config, "--set", "ensemble.decision=Thresholds", "--set", "ensemble.method=SoftVote")
    ways = json.loads((folder / "scores.json").read_text())["of_ways"]
    plain, cut = (
        {one["decision"]: one for one in ways if one["name"] == "SoftVote"}[d] for d in (None, "Thresholds")
    )
    assert cut["mAP"] == pytest.approx(plain["mAP"], abs=0.02)  # parts are put together, each with its own
    assert cut["macro_f1"] > plain["macro_f1"]
    chosen = json.loads((folder / "scores.json").read_text())["scores"]
    assert chosen["macro_f1"] == cut["macro_f1"]
    assert len(table(folder / "submission.csv")) == 50

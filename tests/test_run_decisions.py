"""Whole small competitions whose answers are tuned out of fold by their own metric."""

import json

import numpy as np
import pytest

from run import main
from tests.digits import digits, write_csv, write_images
from tests.test_run_metrics import CONFIG, table


def tags(digit):
    kinds = {"even": digit % 2 == 0, "big": digit >= 5, "three": digit % 3 == 0, "round": digit in (0, 6, 8)}
    return " ".join(tag for tag, has in kinds.items() if has)


def grade(digit):
    return str(max(0, digit - 5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "metric", "score", "decisions"),
    [
        (tags, "SamplesF1", "samples_f1", {"OneThreshold", "PriorCorrection", "Thresholds"}),
        (grade, "QuadraticKappa", "quadratic_kappa", {"ClassBias", "Cuts", "PriorCorrection"}),
    ],
)
def test_the_decision_of_one_run_is_by_the_metric_and_its_gain_is_nested(
    tmp_path, caplog, label, metric, score, decisions
):
    images, labels = digits()
    names = write_images(tmp_path / "data" / "train", images[:260])
    rows = [[name, label(of)] for name, of in zip(names, labels[:260].tolist(), strict=True)]
    write_csv(tmp_path / "data" / "train.csv", ("image", "label"), rows)
    write_images(tmp_path / "data" / "test", images[300:320])
    write_csv(tmp_path / "data" / "sample.csv", ("id", "label"), [[f"{n:04d}", "0"] for n in range(20)])

    text = CONFIG.format(work=tmp_path, metric=f"name = {metric}", task="column = label")
    if label is tags:
        text = text.replace("ClassificationTask", "MultiLabelTask").replace(
            "CrossEntropy", "BinaryCrossEntropy"
        )
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    config = ["--config", str(tmp_path / "config.ini")]
    assert main([*config, "--set", "train.epochs=2"]) == 0

    caplog.set_level("INFO", logger="podium")
    assert main([*config, "--mode", "ensemble", "001"]) == 0
    made = tmp_path / "runs" / "digits_ensemble" / "001"
    kept = json.loads((made / "scores.json").read_text())
    ways = {way["decision"]: way[score] for way in kept["of_ways"] if way["name"] == "SoftVote"}
    assert set(ways) == {None, *decisions}
    assert kept["scores"][score] >= ways[None]  # what is taken gains, or nothing is
    assert "Decision: " in caplog.text
    assert main([*config, "--mode", "infer", "--run", str(made)]) == 0
    assert len(np.unique([row["id"] for row in table(made / "submission.csv")])) == 20
    assert main([*config, "--mode", "check", str(made / "submission.csv")]) == 0

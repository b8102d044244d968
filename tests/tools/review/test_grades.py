"""How far answers are off in steps of grades, against scikit-learn on their numbers."""

import csv

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from run import main
from tests.digits import write_csv, write_images
from tests.experiment.finished import finished_run
from tests.mixed import CONFIG
from tools.review.grades import Distances


def test_shares_are_of_each_size_of_a_mistake():
    distance = Distances("grade", "all", np.array([0, 0, -1, 1, 2, -3, 4, 0]))
    assert distance.shares == (3 / 8, 2 / 8, 1 / 8, 2 / 8)
    assert sum(distance.shares) == 1


def test_distances_of_grades_are_those_of_their_places(tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    random = np.random.default_rng(0)
    true = np.arange(60) % 4
    names = write_images(tmp_path / "data" / "train", random.integers(0, 255, (60, 4, 4)).astype(np.uint8))
    rows = [[name, "" if i % 10 == 7 else "ABCD"[true[i]]] for i, name in enumerate(names)]
    write_csv(tmp_path / "data" / "train.csv", ("image", "quality"), rows)
    config = tmp_path / "config.ini"
    task = "SeveralTask\ngrades = quality\n[dataset]\nfolds = 2"
    config.write_text(CONFIG.format(work=tmp_path, task=task, loss="CORN"), encoding="utf-8")
    answered = random.integers(0, 4, 60)

    def said(task, dataset, right):
        return {"quality": 0.6 * np.eye(4)[answered] + 0.1}

    run = finished_run(config, "001", said)
    known = np.array([i % 10 != 7 for i in range(60)])
    assert main(["--config", str(config), "--mode", "review"]) == 0
    rows = list(csv.DictReader((run / "review" / "grades.csv").read_text().splitlines()))
    assert [row["grade"] for row in rows] == ["all", "A", "B", "C", "D"]
    assert int(rows[0]["images"]) == known.sum()
    size = mean_absolute_error(true[known], answered[known])
    assert float(rows[0]["mean size"]) == pytest.approx(size, abs=1e-3)
    of_d = known & (true == 3)
    assert float(rows[4]["mean distance"]) == pytest.approx((answered[of_d] - 3).mean(), abs=1e-3)
    for shown, low, high in (("off by 1", 1, 1), ("off by 2", 2, 2), ("by more", 3, 3)):
        away = np.abs(answered - true)[known]
        assert float(rows[0][shown]) == pytest.approx(((away >= low) & (away <= high)).mean(), abs=1e-3)
    assert float(rows[4]["right"]) == pytest.approx((answered[of_d] == 3).mean(), abs=1e-3)
    assert "mean distance" in caplog.text
    assert "How far off grades are" in (run / "review" / "report.html").read_text()

"""The report of a run whose answers are numbers, alone and beside classes and grades."""

import csv
import re

import numpy as np
import pytest

from run import main
from tests.digits import write_csv, write_images
from tests.experiment.finished import finished_run
from tests.mixed import CONFIG

IMAGES = 80
WRONG = 17  # the image whose number is wrong by far


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr("tools.review.number_report.DRAWS", 20)
    monkeypatch.setattr("tools.review.report.DRAWS", 20)


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def competition(work, task, loss):
    """Return a config, and the ink of each image; of some nobody knows it."""
    random = np.random.default_rng(0)
    ink = random.normal(30, 8, IMAGES).round(2)
    names = write_images(work / "data" / "train", random.integers(0, 255, (IMAGES, 8, 8)).astype(np.uint8))
    rows = [
        [
            name,
            "NA" if i % 10 == 4 else ink[i],
            ("even", "odd")[i % 2],
            i % 3,
            ("big", "old", "big old", "")[i % 4],
        ]
        for i, name in enumerate(names)
    ]
    write_csv(work / "data" / "train.csv", ("image", "ink", "parity", "grade", "tags"), rows)
    config = work / "config.ini"
    config.write_text(CONFIG.format(work=work, task=task, loss=loss), encoding="utf-8")
    return config, ink


def answers(ink, seed, off=25):
    noise = np.random.default_rng(seed).normal(0, 1, IMAGES)
    noise[WRONG] = off
    return (ink + noise)[:, None]


def review(config, *arguments):
    return main(["--config", str(config), "--mode", "review", *arguments])


def test_a_number_has_a_page_of_its_own_and_nothing_of_classes_stands_on_it(tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    config, ink = competition(tmp_path, "RegressionTask\n[dataset]\nfolds = 4\nlabel_column = ink", "MSE")
    run = finished_run(config, "001", lambda *_: {"number": answers(ink, 1)})
    assert review(config) == 0
    written = {path.name for path in (run / "review").iterdir()}
    assert written >= {
        "report.html",
        "numbers.png",
        "numbers.csv",
        "worst_numbers.csv",
        "suspected_numbers.csv",
    }
    assert not written & {"review.html", "reliability.png", "labels.csv", "mistakes.csv", "suspects.csv"}

    page = (run / "review" / "report.html").read_text(encoding="utf-8")
    for absent in ("right as often", "Each label", "surest mistakes", "has no F1", "groups"):
        assert absent not in page
    assert page.count("<figure>") == 24 + 1
    assert "data:image/jpeg;base64," in page
    assert re.search(r"answer [\d.]+, is [\d.]+, error \+25", page)

    known = [i for i in range(IMAGES) if i % 10 != 4]
    error = answers(ink, 1)[known, 0] - ink[known]
    rows = table(run / "review" / "numbers.csv")
    assert float(rows[0]["RMSE"]) == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
    assert [row["by"] for row in rows] == ["all", *["fold"] * 4, *["truth"] * 10]
    worst = table(run / "review" / "worst_numbers.csv")
    assert len(worst) == len(known)
    assert (worst[0]["file"], float(worst[0]["error"])) == (
        f"train/{WRONG:04d}.png",
        pytest.approx(25, abs=1e-4),
    )
    (suspect,) = table(run / "review" / "suspected_numbers.csv")
    assert suspect["file"] == f"train/{WRONG:04d}.png"
    assert float(suspect["robust spreads"]) > 10
    assert "Numbers that may be wrong: number 1" in caplog.text


def test_several_runs_suspect_what_all_of_them_contradict(tmp_path):
    config, ink = competition(tmp_path, "RegressionTask\n[dataset]\nfolds = 4\nlabel_column = ink", "MSE")
    run = finished_run(config, "001", lambda *_: {"number": answers(ink, 1)})
    finished_run(config, "002", lambda *_: {"number": answers(ink, 2)})
    finished_run(config, "003", lambda *_: {"number": answers(ink, 3, off=-25)})
    assert review(config, "001", "002") == 0
    (suspect,) = table(run / "review" / "suspected_numbers.csv")
    assert suspect["file"] == f"train/{WRONG:04d}.png"
    mean = (answers(ink, 1)[WRONG, 0] + answers(ink, 2)[WRONG, 0]) / 2
    assert float(suspect["answer"]) == pytest.approx(mean, abs=1e-3)
    assert review(config, "001", "003") == 0
    assert table(run / "review" / "suspected_numbers.csv") == []


@pytest.mark.parametrize("decides", ["ink", "parity", "grade", "tags"])
def test_beside_classes_grades_and_tags_each_is_judged_as_what_it_is(tmp_path, caplog, decides):
    caplog.set_level("INFO", logger="podium")
    task = "SeveralTask\nclasses = parity\ngrades = grade\ntags = tags\nnumbers = ink\ndecides = " + decides
    loss = "CrossEntropy\n[loss.ink]\nname = MSE\n[loss.tags]\nname = BinaryCrossEntropy"
    config, ink = competition(tmp_path, f"{task}\n[dataset]\nfolds = 4", loss)

    def said(task, dataset, right):
        right["parity"][5] = right["parity"][5, ::-1]
        right["tags"][0] = [0.02, 0.02]
        return right | {"ink": answers(ink, 1)}

    run = finished_run(config, "001", said)
    assert review(config) == 0
    folder = run / "review"
    (suspect,) = table(folder / "suspected_numbers.csv")
    assert (suspect["question"], suspect["file"]) == ("ink", f"train/{WRONG:04d}.png")
    suspects = {(row["question"], row["files"], row["suggested"]) for row in table(folder / "suspects.csv")}
    assert suspects == {("parity", "train/0005.png", "even"), ("tags", "train/0000.png", "not big")}
    assert {row["question"] for row in table(folder / "labels.csv")} == {"parity", "grade", "tags"}
    assert {row["question"] for row in table(folder / "reliability.csv")} == {"parity", "grade", "tags"}
    parts = table(folder / "parts.csv")
    assert {row["by"] for row in parts} >= {"parity", "grade", "ink"}
    assert {row["score"] for row in parts if row["question"] == "ink"} == {"rmse", "mae"}
    assert not [row for row in parts if row["by"] == row["question"] == "ink"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    for there in ("answer and truth", "right as often", "Each label", "surest mistakes"):
        assert there in page
    assert "ink" not in (folder / "review.html").read_text(encoding="utf-8").split("<script")[1]


def test_numbers_that_nobody_knows_leave_a_report_of_the_rest(tmp_path):
    task = "SeveralTask\nclasses = parity\nnumbers = ink\n[dataset]\nfolds = 4"
    config, ink = competition(tmp_path, task, "CrossEntropy\n[loss.ink]\nname = MSE")
    run = finished_run(config, "001", lambda _, __, right: right | {"ink": answers(ink, 1)})
    path = tmp_path / "data" / "train.csv"
    rows = [row | {"ink": ""} for row in table(path)]
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])
    assert review(config, "--run", str(run)) == 0
    assert not (run / "review" / "numbers.csv").exists()
    assert "Each label" in (run / "review" / "report.html").read_text(encoding="utf-8")


def test_runs_that_were_asked_for_other_numbers_are_refused(tmp_path, capsys):
    config, ink = competition(tmp_path, "RegressionTask\n[dataset]\nfolds = 4\nlabel_column = ink", "MSE")
    finished_run(config, "001", lambda *_: {"number": answers(ink, 1)})
    text = config.read_text().replace("label_column = ink", "").replace("name = MSE", "name = CrossEntropy")
    for version, task in (("002", "SeveralTask\nnumbers = grade"), ("003", "SeveralTask\nclasses = parity")):
        other = tmp_path / f"{version}.ini"
        other.write_text(text.replace("RegressionTask", task), encoding="utf-8")
        finished_run(other, version, lambda _, __, right: right)
        assert review(config, "001", version) == 2
        said = capsys.readouterr().err
        assert "002 was asked for other numbers than" in said if version == "002" else "001" in said
        assert "Traceback" not in said
    assert review(config, "003", "001") == 2
    assert "Traceback" not in capsys.readouterr().err

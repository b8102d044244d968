"""Decisions about classes, grades and tags of a task that also asks for a number, which stays as it is."""

import csv
import json

import numpy as np
import pytest
import torch

from dataset.metrics.base import METRICS
from dataset.tasks.several import SeveralTask
from run import main
from tests.digits import write_csv, write_images
from tests.experiment.finished import finished_run
from tests.mixed import CONFIG
from tools.ensemble.decisions.base import DECISIONS, serving, suiting
from tools.ensemble.methods.base import Truth

CELLS = [{"kind": kind, "grade": grade, "tags": tags, "ink": "1.5"} for kind, grade, tags in
         (("cat", "0", "big"), ("dog", "1", "big old"), ("fox", "2", ""), ("cat", "3", "old"))]  # fmt: skip
KINDS = {"classes": ("kind",), "grades": ("grade",), "tags": ("tags",), "numbers": ("ink",)}


def several(*kinds, decides=None):
    options = {kind: KINDS[kind] for kind in kinds}
    rows = [("a table", cells) for cells in CELLS]
    return SeveralTask(rows_found=lambda: rows, decides=decides, **options)


def drawn(task, images=400, seed=0):
    """Return probabilities that lean to the middle, numbers, and what is right."""
    random = np.random.default_rng(seed)
    said, targets = {}, {}
    for space in task.spaces:
        size = len(space.labels)
        if space.numeric:
            truth = random.normal(0, 5, (images, 1))
            said[space.name] = torch.from_numpy(truth + random.normal(0, 1, truth.shape))
            targets[space.name] = torch.from_numpy(truth).float()
        elif space.kind == "one_of":
            true = random.choice(
                size, images, p=np.array([0.6, 0.2, 0.1, 0.1])[:size] / sum((0.6, 0.2, 0.1, 0.1)[:size])
            )
            about = 0.35 * true + 1.2 + random.normal(0, 0.3, images)
            logits = -((about[:, None] - np.arange(size)) ** 2)
            said[space.name], targets[space.name] = (
                torch.from_numpy(logits).softmax(dim=1),
                torch.eye(size)[true],
            )
        else:
            marks = random.random((images, size)) < 0.3
            said[space.name] = torch.from_numpy(marks - 2.5 + random.normal(0, 0.7, marks.shape)).sigmoid()
            targets[space.name] = torch.from_numpy(marks).float()
    return said, Truth(task, targets, tuple(map(str, range(images))))


@pytest.mark.parametrize(
    ("kinds", "decides", "expected"),
    [
        (("classes",), "kind", ["ClassBias", "PriorCorrection"]),
        (("grades",), "grade", ["ClassBias", "Cuts", "PriorCorrection"]),
        (("tags",), "tags", ["OneThreshold", "PriorCorrection", "Thresholds"]),
        (("classes", "grades"), "grade", ["ClassBias", "Cuts", "PriorCorrection"]),
        (("classes", "tags"), "tags", ["OneThreshold", "PriorCorrection", "Thresholds"]),
        (("classes", "tags"), "kind", ["ClassBias", "PriorCorrection"]),
    ],
)
def test_a_number_beside_them_takes_no_decision_away(kinds, decides, expected):
    for asked in (kinds, (*kinds, "numbers")):
        task = several(*asked, decides=(decides,))
        if decides == "tags":  # whose own metric looks at an order only
            assert serving(task) == ["PriorCorrection"]
            task = task.scored_by([(METRICS.get("SamplesF1")(), None)])
        assert serving(task) == expected


def test_of_numbers_nothing_is_decided():
    assert suiting(several("numbers")) == []
    beside = several("grades", "numbers")  # where the number decides
    assert beside.main_questions == ("ink",)
    assert serving(beside) == []
    assert suiting(beside) == suiting(several("grades"))


@pytest.mark.parametrize("metric", [None, "MacroF1", "QuadraticKappa", "LogLoss", "Accuracy"])
@pytest.mark.parametrize("decides", ["kind", "grade", "tags"])
def test_each_leaves_numbers_and_questions_of_other_kinds_as_they_are(decides, metric):
    task = several("classes", "grades", "tags", "numbers", decides=(decides,))
    if metric == "QuadraticKappa" and decides != "grade":
        pytest.skip("it is for grades")
    if metric is not None:
        task = task.scored_by([(METRICS.get(metric)(), None)])
    said, truth = drawn(task)
    assert serving(task)
    for name in serving(task):
        decision = DECISIONS.get(name)()
        fitted = json.loads(json.dumps(decision.fit(said, truth)))
        found = decision.apply(said, fitted, task)
        assert list(found) == list(said)
        changed = {space.name for space in decision.spaces(task)}
        assert "ink" not in changed
        assert all(torch.equal(found[space], said[space]) for space in said if space not in changed)
        assert decision.judged(truth).score(found) >= decision.judged(truth).score(said) - 1e-12


def test_they_are_fitted_to_what_they_would_be_without_the_number():
    alone, beside = several("grades"), several("grades", "numbers", decides=("grade",))
    said, truth = drawn(beside)
    only = Truth(alone, {"grade": truth.targets["grade"]}, truth.groups)
    for name in serving(beside):
        fitted = DECISIONS.get(name)().fit(said, truth)
        assert fitted == DECISIONS.get(name)().fit({"grade": said["grade"]}, only), name


def test_the_gain_is_stated_and_the_numbers_are_handed_on(tmp_path, capsys, caplog):
    caplog.set_level("INFO", logger="podium")
    random = np.random.default_rng(1)
    true = random.choice(4, 240, p=[0.6, 0.15, 0.15, 0.1])
    data = tmp_path / "data"
    names = write_images(data / "train", random.integers(0, 255, (240, 4, 4)).astype(np.uint8))
    ink = random.normal(0, 5, 240)
    rows = [[name, true[i], f"{ink[i]:.3f}"] for i, name in enumerate(names)]
    write_csv(data / "train.csv", ("image", "grade", "ink"), rows)
    write_csv(data / "sample.csv", ("image", "grade", "ink"), [["0000", 0, 0]])
    task = "SeveralTask\ngrades = grade\nnumbers = ink\ndecides = grade\n[dataset]\nfolds = 4"
    config = tmp_path / "config.ini"
    loss = "CrossEntropy\n[loss.ink]\nname = MSE"
    config.write_text(CONFIG.format(work=tmp_path, task=task, loss=loss), encoding="utf-8")

    def said(task, dataset, right):
        about = 0.35 * true + 1.2 + random.normal(0, 0.3, 240)
        logits = torch.from_numpy(-((about[:, None] - np.arange(4)) ** 2))
        return {"grade": logits.softmax(dim=1).numpy(), "ink": ink[:, None] + random.normal(0, 1, (240, 1))}

    run = finished_run(config, "001", said)
    assert main(["--config", str(config), "--mode", "ensemble", "001"]) == 0
    assert "Decision: Cuts, since it gains +0." in caplog.text
    assert "outside noise" in caplog.text
    made = tmp_path / "runs" / "mixed_ensemble" / "001"
    before, after = (
        list(csv.DictReader((folder / "out_of_fold.csv").read_text().splitlines())) for folder in (run, made)
    )
    assert [row["ink/value"] for row in after] == [row["ink/value"] for row in before]
    assert [row["grade/0"] for row in after] != [row["grade/0"] for row in before]
    ways = {way["decision"]: way for way in json.loads((made / "scores.json").read_text())["of_ways"]}
    assert ways["Cuts"]["quadratic_kappa"] > ways[None]["quadratic_kappa"] + 0.2
    assert ways["Cuts"]["ink/rmse"] == ways[None]["ink/rmse"]

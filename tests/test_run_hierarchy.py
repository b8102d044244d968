"""The whole way with labels on several levels: digits, their parity, and whether they are small."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiment.assemble import Experiment
from experiment.read_settings import read_sections, settings_from
from tests.digits import LEVELS, digits, draw_hierarchy, path_of, write_csv, write_images
from tests.test_run_any_data import CONFIG, podium, table

CHANCE = (1 / 2 + 1 / 4 + 1 / 10) / 3  # the levels' mean accuracy of answers that know nothing


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[tuple[str, str, str]]]:
    """A config, the run trained by it, and the labels of its eval images."""
    work = tmp_path_factory.mktemp("hierarchy")
    data = work / "data"
    images, labels = digits()
    names = write_images(data / "train", images[:1300])
    rows = [[name, *path_of(digit)] for name, digit in zip(names, labels.tolist(), strict=False)]
    for number, row in enumerate(rows):  # a third of the digits is not written down, some sizes neither
        row[3] = "-1" if number % 3 == 0 else row[3]
        row[2] = "" if number % 5 == 0 else row[2]
    write_csv(data / "train.csv", ("image", *LEVELS), rows)
    names = write_images(data / "test", images[1300:])
    write_csv(data / "sample_submission.csv", ("image", *LEVELS), [[name, "", "", ""] for name in names])
    config = work / "config.ini"
    config.write_text(
        CONFIG.format(
            data=data, work=work, size=16, epochs=6, loss="CrossEntropy",
            task="name = HierarchyTask\nlevels = parity, size, digit\nnothing = -1",
            dataset="name = CsvDataset\nextension = .png",
            eval="table = sample_submission.csv\nimages = test\nextension = .png",
        )
        + "[loss.digit]\nname = LabelSmoothing\nweight = 2\nclass_weights = balanced\n"
    )  # fmt: skip
    assert podium(config) == 0
    return config, work / "runs" / "digits" / "001", [path_of(digit) for digit in labels[1300:].tolist()]


@pytest.mark.slow
def test_digits_are_told_apart_on_every_level(
    hierarchy: tuple[Path, Path, list[tuple[str, str, str]]],
) -> None:
    _, folder, _ = hierarchy
    finished = json.loads((folder / "scores.json").read_text())
    scores = finished["scores"]
    assert finished["monitor"] == "macro_f1"
    assert scores["macro_f1"] > 0.85 > 2 * CHANCE
    assert scores["path_accuracy"] > 0.8
    assert scores["consistency"] == 1
    config = (folder / "config.ini").read_text()
    assert 'tree = [["even", "even large", "6"], ["even", "even large", "8"]' in config


@pytest.mark.slow
def test_prediction_needs_no_training_table_and_answers_with_paths(
    hierarchy: tuple[Path, Path, list[tuple[str, str, str]]],
) -> None:
    config, folder, true = hierarchy
    data = config.parent / "data"
    (data / "train.csv").rename(data / "gone.csv")
    assert podium(config, "--mode", "infer") == 0
    submission = table(folder / "submission.csv")
    template = table(data / "sample_submission.csv")
    assert [row["image"] for row in submission] == [row["image"] for row in template]
    said = [tuple(row[level] for level in LEVELS) for row in submission]
    assert set(said) <= {path_of(digit) for digit in range(10)}
    assert np.mean([a == b for a, b in zip(said, true, strict=True)]) > 0.75

    assert podium(config, "--mode", "infer", "--set", "task.decide=level") == 0
    probabilities = table(folder / "test_predictions.csv")
    for row, found in zip(table(folder / "submission.csv"), probabilities, strict=True):
        for level in LEVELS:
            of_level = {key: float(value) for key, value in found.items() if key.startswith(f"{level}/")}
            assert of_level[f"{level}/{row[level]}"] == max(of_level.values())


@pytest.fixture(scope="module")
def ends_early(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A config whose tree has a path without a digit, and a run of it that has labelled the eval images."""
    work = tmp_path_factory.mktemp("ends_early")
    draw_hierarchy(work / "data", train=400, evaluated=100)
    config = work / "config.ini"
    config.write_text(
        CONFIG.format(
            data=work / "data", work=work, size=16, epochs=4, loss="CrossEntropy",
            task="name = HierarchyTask\nlevels = parity, size, digit\nnothing = -1",
            dataset="name = CsvDataset",
            eval="table = sample_submission.csv\nimages = test",
        )
    )  # fmt: skip
    assert podium(config) == 0
    assert podium(config, "--mode", "infer") == 0
    assert podium(config, "--mode", "pseudo") == 0
    return config, work / "runs" / "digits" / "001"


@pytest.mark.slow
@pytest.mark.parametrize("hard", ["no", "yes"])
def test_another_run_learns_from_what_a_run_says_of_every_level(
    ends_early: tuple[Path, Path], hard: str
) -> None:
    """What is trained on is what the teacher's submission says, and nothing where that says nothing."""
    config, teacher = ends_early
    labels = teacher / "pseudo_labels.csv"
    said, rows = table(teacher / "submission.csv"), table(labels)
    least = np.median(
        [float(r["confidence/digit"]) for r, of in zip(rows, said, strict=True) if of["digit"] == "-1"]
    )
    given = [f"pseudo.labels={labels}", f"pseudo.min_confidence=digit:{least}", f"pseudo.hard={hard}"]
    experiment = Experiment.of(settings_from(read_sections(config, given), str(config)))
    dataset, _ = experiment.training_data()
    known = {space.name: space.labels for space in experiment.task.spaces}
    left_out = {"unsure": 0, "beyond": 0}
    assert dataset.training.rows[-len(rows) :].tolist() == list(range(400, 400 + len(rows)))
    for number, (row, answers) in enumerate(zip(rows, said, strict=True)):
        assert row["file"] == f"test/{answers['image']}"
        for level, names in known.items():
            shares = np.array([float(row[f"{level}/{name}"]) for name in names])
            assert float(row[f"confidence/{level}"]) == shares.max()
            unsure, beyond = level == "digit" and shares.max() < least, answers[level] == "-1"
            if unsure or beyond:
                shares *= 0
                left_out["unsure" if unsure else "beyond"] += 1
            elif hard == "yes":
                shares = np.array([float(name == answers[level]) for name in names])
            found = dataset.training.targets[level][400 + number]
            np.testing.assert_allclose(found, shares, atol=2e-6)
    assert min(left_out.values()) > 5
    settings = [argument for text in (*given, f"run.name={hard}") for argument in ("--set", text)]
    assert podium(config, *settings) == 0
    run = config.parent / "runs" / hard / "001"
    log = (run / "log.txt").read_text()
    assert f"(labelled: parity 100, size 100, digit {100 - sum(left_out.values())})" in log
    assert podium(config, "--mode", "infer", "--set", f"run.name={hard}") == 0
    assert [row["image"] for row in table(run / "submission.csv")] == [row["image"] for row in said]

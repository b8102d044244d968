"""The whole way with heads that depend on each other: a digit's parity, its size, and which it is."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiment.finished_run import finished_run
from tests.digits import LEVELS, digits, path_of, write_csv, write_images
from tests.test_run_any_data import CONFIG, podium, table


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("conditioning")
    data = work / "data"
    images, labels = digits()
    for folder, part in (("train", slice(1300)), ("test", slice(1300, None))):
        names = write_images(data / folder, images[part])
        rows = [[name, *path_of(digit)] for name, digit in zip(names, labels[part].tolist(), strict=True)]
        write_csv(data / f"{folder}.csv", ("image", *LEVELS), rows)
    text = CONFIG.format(
        data=data, work=work, size=16, epochs=5, loss="CrossEntropy",
        task="name = HierarchyTask\nlevels = parity, size, digit\ndecide = level",
        dataset="name = CsvDataset\nextension = .png",
        eval="table = test.csv\nimages = test\nextension = .png",
    )  # fmt: skip
    (work / "config.ini").write_text(text + "[conditioning]\nname = FineToCoarse\n")
    return work / "config.ini"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["FineToCoarse", "CoarseToFine", "GatedExperts"])
def test_levels_that_depend_on_each_other_are_learned_and_predicted(config: Path, name: str) -> None:
    of_run = ("--set", f"run.name={name}", "--set", f"conditioning.name={name}")
    assert podium(config, *of_run) == 0
    folder = config.parent / "runs" / name / "001"
    assert "SmallResNet with all heads, an image of 16 x 16: 0.0" in (folder / "log.txt").read_text()
    scores = json.loads((folder / "scores.json").read_text())["scores"]
    assert scores["macro_f1"] > 0.9
    assert scores["consistency"] > 0.9  # of levels that are decided one by one
    (config.parent / "data" / "train.csv").rename(config.parent / "data" / "gone.csv")
    try:
        assert podium(config, "--mode", "infer", "--set", f"run.name={name}") == 0
    finally:
        (config.parent / "data" / "gone.csv").rename(config.parent / "data" / "train.csv")
    said, true = table(folder / "submission.csv"), table(config.parent / "data" / "test.csv")
    assert [row["image"] for row in said] == [row["image"] for row in true]
    for level in LEVELS:
        assert np.mean([a[level] == b[level] for a, b in zip(said, true, strict=True)]) > 0.85


@pytest.mark.slow
def test_the_same_config_gives_the_same_bits(config: Path) -> None:
    for _ in range(2):
        assert podium(config, "--set", "run.name=twice", "--set", "train.epochs=1") == 0
    first, second = (
        finished_run(config.parent / "runs" / "twice" / version)["model"] for version in ("001", "002")
    )
    assert first.keys() == second.keys()
    assert all(bool((value == second[name]).all()) for name, value in first.items())

"""Batch norm and one image: works where there is something to normalise, else is refused with what to do."""

from pathlib import Path

import numpy as np
import pytest

from run import main
from tests.digits import write_csv, write_images
from utils.errors import ConfigError

CONFIG = """\
[run]
name = one
device = cpu
[paths]
data = {work}/data
runs = {work}/runs
cache = {work}/cache
[task]
name = ClassificationTask
[dataset]
name = CsvDataset
label_column = label
folds = 2
[images]
size = {size}
[model]
name = {model}
[train]
epochs = 2
batch_size = {batch}
"""
SMALL = "TimmModel\nbackbone = resnet10t"
SAM, SWA = "[callback.SAM]\n", "[callback.SWA]\nlast = 2\n"
FREEZE = "[callback.Freeze]\n"


def train(
    work: Path, images: int, *, model: str, size: str = "32, 32", batch: int = 1, more: str = ""
) -> int:
    pixels = np.random.default_rng(0).integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
    names = [f"{name}.png" for name in write_images(work / "data" / "train", pixels)]
    rows = [[name, "ab"[number % 2]] for number, name in enumerate(names)]
    write_csv(work / "data" / "train.csv", ["image", "label"], rows)
    text = CONFIG.format(work=work, model=model, size=size, batch=batch) + more
    (work / "config.ini").write_text(text, encoding="utf-8")
    return main(["--config", str(work / "config.ini")])


@pytest.mark.parametrize(
    ("images", "batch", "more"),
    [
        (4, 1, ""),
        (2, 8, ""),
        (4, 1, "accumulate = 2\n"),
        (4, 1, SAM),
        (4, 1, SWA),
        (4, 1, FREEZE + "melt_after = 1\n"),
    ],
)
def test_one_image_on_a_map_of_one_place_is_refused_with_what_to_do(
    images: int, batch: int, more: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, images, model=SMALL, batch=batch, more=more) == ConfigError.exit_code
    said = capsys.readouterr().err
    assert "can't be trained with one image in a batch" in said
    assert "[train] batch_size = 2 or more" in said
    assert list(tmp_path.glob("runs/one/*")) == []  # nothing that can only fail again


@pytest.mark.parametrize(
    ("model", "size", "more"),
    [
        ("TinyNet\nwidth = 4", "32, 32", SAM),  # its last map has 2 x 2 places
        ("TinyNet\nwidth = 4", "32, 32", "accumulate = 3\n" + SWA),  # the last step has one batch
        (SMALL, "32, 32", FREEZE),  # nothing that is frozen is measured
        (SMALL, "64, 64", ""),
    ],
)
def test_one_image_trains_where_that_is_possible(model: str, size: str, more: str, tmp_path: Path) -> None:
    assert train(tmp_path, 8, model=model, size=size, more=more) == 0
    assert (tmp_path / "runs" / "one" / "001" / "scores.json").exists()

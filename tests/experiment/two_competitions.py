"""Two small competitions with a config each, and what a test does with them."""

import csv
from pathlib import Path

import cv2
import numpy as np

from run import main

CONFIG = """\
[run]
name = {name}
seed = 1
device = cpu
[paths]
data = {data}
runs = {runs}
cache = {cache}
[task]
name = ClassificationTask
[dataset]
name = CsvDataset
label_column = label
folds = 2
[test_dataset]
table = sample_submission.csv
images = test
[images]
size = 16, 16
[model]
name = TinyNet
width = 2
[train]
epochs = 1
batch_size = 8
"""


def draw(folder: Path, labels: tuple[str, str], *, images: int = 8, evals: int = 2, shade: int = 0) -> Path:
    """Draw a competition's data: dark images have the first label, bright ones the second."""
    for part, count in (("train", images), ("test", evals)):
        (folder / part).mkdir(parents=True)
        for number in range(count):
            pixels = np.full((16, 16, 3), shade + 100 * (number % 2) + number, np.uint8)
            cv2.imwrite(str(folder / part / f"{number}.png"), pixels)
    rows = [[f"{number}.png", labels[number % 2]] for number in range(images)]
    write(folder / "train.csv", [["image", "label"], *rows])
    rows = [[f"{number}.png", labels[0]] for number in range(evals)]
    write(folder / "sample_submission.csv", [["image", "label"], *rows])
    return folder


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def write_config(folder: Path, name: str, **paths: object) -> Path:
    """Write ``config.ini`` into a folder; paths are as they are given, or else within it."""
    known = {"data": folder / "data", "runs": folder / "runs", "cache": folder / "cache"}
    path = folder / "config.ini"
    path.write_text(CONFIG.format(name=name, **known | paths), encoding="utf-8")
    return path


def podium(*arguments: object) -> int:
    return main(list(map(str, arguments)))


def labels_in(path: Path) -> set[str]:
    return {row["label"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())}

"""A competition so small that a run takes a fraction of a second, and what runs on it are compared by."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

NAME = "tiny"
IMAGES, EVAL_IMAGES, SIZE = 24, 4, (16, 12)
CONFIG = """\
[run]
name = tiny
seed = 3
device = cpu
[paths]
data = data
runs = runs
cache = cache
draw_demo = no
[task]
name = ClassificationTask
[dataset]
name = CsvDataset
label_column = label
group_column = person
folds = 2
[test_dataset]
table = sample_submission.csv
images = test
[images]
size = 16, 12
[model]
name = TinyNet
width = 4
[train]
epochs = 2
batch_size = 4
[callback.EMA]
decay = 0.9
[callback.TrainScores]
"""

# What a run is for: the same bytes whatever happened on the way.
RESULTS = (
    "valid_predictions.csv", "out_of_fold.csv", "submission.csv", "test_predictions.csv", "split.csv",
    "class_table.csv", "config.ini", "scores.json", "metrics.jsonl", "folds.json", "ensemble.json",
    "pseudo_labels.csv", "pseudo_labels.json", "submissions.csv", "suspects.csv", "plan.json",
)  # fmt: skip
_VARYING = ("seconds", "images/second", "commit", "when", "time")  # keys and columns


def draw(folder: Path) -> None:
    """Write the data, the config, and the folders that every competition has after its first run."""
    data = folder / "data"
    train = [(f"{number:02d}.png", ("cat", "dog")[number % 2], f"p{number // 3}") for number in range(IMAGES)]
    test = [(f"{number}.png", "cat") for number in range(EVAL_IMAGES)]
    _write_images(data / "train", [name for name, *_ in train], 1)
    _write_images(data / "test", [name for name, _ in test], 2)
    _write_csv(data / "train.csv", ("image", "label", "person"), train)
    _write_csv(data / "sample_submission.csv", ("image", "label"), test)
    (folder / "config.ini").write_text(CONFIG, encoding="utf-8")
    (folder / "runs" / NAME).mkdir(parents=True)
    (folder / "cache").mkdir()


def _write_images(folder: Path, names: list[str], seed: int) -> None:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for number, name in enumerate(names):
        noise = generator.integers(0, 90, (*SIZE, 3)) + 90 * (number % 2)
        cv2.imwrite(str(folder / name), noise.astype(np.uint8))


def _write_csv(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def results(root: Path) -> dict[str, str]:
    """Return a digest of each result in a folder of runs, by its path: what must not depend on faults."""
    found = {}
    for path in sorted((root / "runs").rglob("*")):
        if path.is_file() and path.name in RESULTS and not _hidden(path, root):
            found[path.relative_to(root).as_posix()] = _digest(_steady(path))
    for path in [root / "submissions.csv"]:
        if path.is_file():
            found[path.name] = _digest(_steady(path))
    for folder in sorted((root / "runs").rglob("checkpoints")):
        for name in () if _hidden(folder, root) else ("best", "last"):
            files = [path for path in folder.glob(f"{name}-*.safetensors") if path.is_file()]
            if newest := sorted(files, key=lambda path: path.stem):
                found[f"{folder.relative_to(root).as_posix()}/{name}"] = _digest(newest[-1].read_bytes())
    return found


def leftovers(root: Path) -> list[str]:
    """Return what processes that were stopped have left, and nobody has swept."""
    return sorted(_leftovers(root))


def _leftovers(root: Path) -> Iterator[str]:
    for paths in (root.glob("*"), (root / "runs").rglob("*"), (root / "cache").rglob("*")):
        for path in paths:
            if path.name.endswith((".tmp", ".partial")) or path.name.startswith((".tmp", ".new-")):
                yield path.relative_to(root).as_posix()


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _steady(path: Path) -> bytes:
    """Return a file's bytes without what is another each time: how long it took, and when it was."""
    try:
        return _without_times(path)
    except (ValueError, RecursionError):  # damaged
        return path.read_bytes()


def _without_times(path: Path) -> bytes:
    if path.suffix in (".json", ".jsonl"):
        lines = [path.read_text(encoding="utf-8")]
        if path.suffix == ".jsonl":
            lines = lines[0].splitlines()
        return "\n".join(json.dumps(_without(json.loads(line))) for line in lines).encode()
    if path.name == "submissions.csv":
        with open(path, encoding="utf-8", newline="") as file:
            return json.dumps([_without(row) for row in csv.DictReader(file)]).encode()
    return path.read_bytes()


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in _VARYING}
    return [_without(item) for item in value] if isinstance(value, list) else value

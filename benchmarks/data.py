"""Data folders of any size, made of links to a competition's photographs or to drawn ones."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2

from dataset.demo.draw import draw_demo_data, is_demo
from utils.tables import read_table, write_table

WORK = Path(".cache/benchmarks")
_DEMO = Path("data/demo")
_PHOTOS = 7  # of a person
# Of a run that only has to be fast: everything else is a default.
_PLAIN = {
    "run.name": "speed",
    "images.room": "0.1",
    "optimizer.name": "AdamW",
    "optimizer.lr": "1e-3",
    "train.epochs": "1",
}
_MASKS = {
    "task.name": "MaskTask",
    "task.joint": "yes",
    "dataset.name": "SplitByProfileDataset",
}


def data_folder() -> Path:
    """Return the folder in PODIUM_DATA, or drawn demo data, which is drawn first if it has to be.

    It must be in the layout of the mask competition.
    """
    if given := os.environ.get("PODIUM_DATA"):
        return Path(given)
    draw_demo_data(_DEMO)
    return _DEMO


def kind_of(data: Path) -> str:
    """Return what kind of images a data folder has, for a report."""
    return "drawn demo images" if is_demo(data) else "photographs"


@contextmanager
def work_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards, on the same disk as prepared images are kept on."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as work:
        yield Path(work).absolute()


def lay_out(data: Path, root: Path, images: int, eval_images: int = 0) -> None:
    """Make a data folder with at least ``images`` to train on, 7 more that validate, and eval images.

    Those of ``data`` come again under other names when it has too few. ``root/split.csv`` is the fold table.
    """
    table = read_table(data / "train" / "train.csv", ("path",))
    people, rows = -(-images // _PHOTOS) + 1, []

    for number in range(people):
        again, index = divmod(number, len(table.rows))
        row = table.rows[index]
        path = row["path"] + (f"~{number}" if again else "")
        new = root / "train" / "images" / path
        new.mkdir(parents=True)
        for photo in _files(data / "train" / "images" / row["path"]):
            _link(photo, new / photo.name)
        rows.append([path if column == "path" else row[column] for column in table.columns])

    write_table(root / "train" / "train.csv", table.columns, rows, guarded=False)
    folds = ((row[table.columns.index("path")], min(number, 1)) for number, row in enumerate(rows))
    write_table(root / "split.csv", ("group", "fold"), folds, guarded=False)
    if eval_images:
        _lay_out_eval(data, root, eval_images)


def training_files(root: Path, images: int) -> list[Path]:
    """Return the first ``images`` files that a folder laid out so trains on."""
    held_out = read_table(root / "split.csv", ("group", "fold")).rows[0]["group"]
    folders = sorted(path for path in (root / "train" / "images").iterdir() if path.name != held_out)
    return [file for folder in folders for file in _files(folder)][:images]


def write_config(root: Path, values: Mapping[str, str]) -> Path:
    """Write ``root/config.ini`` for the data in ``root/data``, with ``section.key`` values of one's own.

    Without a task of its own it is that of the masks, as one head with 18 labels.
    """
    beside = dict(text.split("=", 1) for text in own_paths(root))
    if "task.name" not in values:
        beside |= _MASKS | {"dataset.fold_table": f"{root}/data/split.csv"}
    sections: dict[str, list[str]] = {}
    for name, value in (_PLAIN | beside | dict(values)).items():
        section, _, key = name.rpartition(".")
        sections.setdefault(section, []).extend([f"{key} = {value}"] if key else [])
    path = root / "config.ini"
    text = "\n".join("\n".join([f"[{section}]", *lines]) for section, lines in sections.items())
    path.write_text(text + "\n", encoding="utf-8")
    return path


def own_paths(root: Path) -> list[str]:
    """Return what ``--set`` needs so that a run in ``root`` keeps to it, whatever PODIUM_DATA says."""
    return [f"paths.data={root}/data", f"paths.runs={root}/runs", f"paths.cache={root}/cache"]


def shrink(root: Path, size: tuple[int, int]) -> None:
    """Replace all training images of a folder laid out so by small ones (height, width)."""
    for file in sorted((root / "train" / "images").glob("*/*")):
        image = cv2.resize(cv2.imread(str(file)), (size[1], size[0]), interpolation=cv2.INTER_AREA)
        file.unlink()  # a link: the original stays
        cv2.imwrite(str(file), image)


def _lay_out_eval(data: Path, root: Path, images: int) -> None:
    table = read_table(data / "eval" / "info.csv", ())
    folder, rows = root / "eval" / "images", []
    folder.mkdir(parents=True)
    for number in range(images):
        again, index = divmod(number, len(table.rows))
        row = table.rows[index]
        name = (f"{again}-" if again else "") + row[table.columns[0]]
        _link(data / "eval" / "images" / row[table.columns[0]], folder / name)
        rows.append([name, *(row[column] for column in table.columns[1:])])
    write_table(root / "eval" / "info.csv", table.columns, rows, guarded=False)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old.resolve(), new)
    except OSError:  # another disk, or too many links to one file
        shutil.copy2(old, new)

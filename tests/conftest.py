"""What tests share: one thread, no user's environment, and a tiny folder of the mask competition."""

import csv
import io
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.forks import python_process

torch.set_num_threads(1)
# A shell that runs the tests in the background, or nohup, has them ignore what some of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# The same examples on every machine, and no limit of time: a busy machine is no failure.
slow_is_fine = [HealthCheck.too_slow]
settings.register_profile(
    "podium", max_examples=25, derandomize=True, deadline=None, suppress_health_check=slow_is_fine
)
settings.load_profile("podium")

COLUMNS = ("id", "gender", "race", "age", "path")
PHOTOS = ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")
AGES = (22, 45, 60, 29, 30, 59, 18, 58, 60)


class MaskFolder:
    """A data folder on disk; ``rows`` is its train table, to be changed and written again.

    Args:
        root: the folder to make.
        people: how many, of both genders and of ages ``AGES`` in turn; or (id, gender, age) of each.
        eval_images: how many.
        size: height and width of the photos, each of one colour of its own.
    """

    def __init__(
        self,
        root: Path,
        people: int | list[tuple[str, str, int]] = 10,
        *,
        eval_images: int = 3,
        size: tuple[int, int] = (32, 24),
    ) -> None:
        self.root, self.size = root, size
        if isinstance(people, int):
            people = [
                (f"{i + 1:06d}", ("male", "female")[i % 2], AGES[i // 2 % len(AGES)]) for i in range(people)
            ]
        self.rows = [
            dict(zip(COLUMNS, (id_, gender, "Asian", str(age), f"{id_}_{gender}_Asian_{age}"), strict=True))
            for id_, gender, age in people
        ]
        for number, row in enumerate(self.rows):
            self.add_photos(row["path"], number)
        self.write_table()
        self.eval_names = [f"{number:040x}.jpg" for number in reversed(range(eval_images))]
        (root / "eval" / "images").mkdir(parents=True)
        for number, name in enumerate(self.eval_names):
            (root / "eval" / "images" / name).write_bytes(self.coded(".jpg", 200 + number, 0))
        self.write_eval(self.eval_names)

    @property
    def table(self) -> Path:
        return self.root / "train" / "train.csv"

    @property
    def images(self) -> Path:
        return self.root / "train" / "images"

    def folder(self, person: int) -> Path:
        return self.images / self.rows[person]["path"]

    def photo(self, person: int, name: str) -> Path:
        """Return the file of a photo, whatever its extension is."""
        return next(file for file in self.folder(person).iterdir() if file.stem == name)

    def coded(self, suffix: str, person: int, photo: int) -> bytes:
        """Return an image file of one colour."""
        colour = (37 * person % 256, 36 * photo, 128)
        pixels = np.broadcast_to(np.uint8(colour), (*self.size, 3))
        return cv2.imencode(suffix, np.ascontiguousarray(pixels))[1].tobytes()

    def add_photos(self, path: str, number: int) -> None:
        """Make a person's folder; every fifth has .png and every fifth .jpeg files."""
        suffix = {3: ".png", 4: ".jpeg"}.get(number % 5, ".jpg")
        (self.images / path).mkdir(parents=True)
        for photo, name in enumerate(PHOTOS):
            (self.images / path / f"{name}{suffix}").write_bytes(self.coded(suffix, number, photo))

    def write_table(
        self,
        *,
        columns: tuple[str, ...] = COLUMNS,
        before: str = "",
        newline: str = "\n",
        pad: str = "",
    ) -> None:
        """Write train.csv with ``before`` in front of it and ``pad`` around each value."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator=newline)
        writer.writerow(columns)
        writer.writerows([f"{pad}{row[name]}{pad}" for name in columns] for row in self.rows)
        self.table.parent.mkdir(parents=True, exist_ok=True)
        self.table.write_bytes((before + out.getvalue()).encode())

    def write_eval(self, names: list[str]) -> None:
        """Write info.csv with these images."""
        text = "ImageID,ans\n" + "".join(f"{name},0\n" for name in names)
        (self.root / "eval" / "info.csv").write_text(text, encoding="utf-8")

    def listing(self) -> dict[str, tuple[int, int]]:
        """Return size and time of change of everything in the folder."""
        facts = {path: path.lstat() for path in [self.root, *self.root.rglob("*")]}
        return {str(path): (fact.st_size, fact.st_mtime_ns) for path, fact in facts.items()}


@pytest.fixture
def mask_folder(tmp_path: Path) -> Callable[..., MaskFolder]:
    """Return a factory of data folders, each in a place of its own."""
    made: list[MaskFolder] = []

    def make(people: int | list[tuple[str, str, int]] = 10, **options: object) -> MaskFolder:
        made.append(MaskFolder(tmp_path / f"data{len(made)}", people, **options))
        return made[-1]

    return make


@pytest.fixture
def other_process(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs code in another interpreter, of another hash seed."""

    def run(code: str, *arguments: object) -> str:
        process = python_process(tmp_path, "-c", code, *map(str, arguments), hash_seed=2)
        printed, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return printed

    return run


@pytest.fixture(autouse=True)
def no_podium_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own PODIUM_DATA must not reach a test."""
    for name in [name for name in os.environ if name.startswith("PODIUM_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def work(trained: Path, tmp_path: Path) -> Path:
    """A copy of a module's ``trained`` folder whose runs a test may change; data and cache stay there."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    text = (trained / "config.ini").read_text(encoding="utf-8")
    moved = text.replace(f"runs = {trained}", f"runs = {tmp_path}")
    (tmp_path / "config.ini").write_text(moved, encoding="utf-8")
    return tmp_path

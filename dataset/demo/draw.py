"""Drawn demo data: cartoon people in the layout of the face-mask competition, no photo of anyone.

A fresh clone can train, score and submit with it.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from dataset.demo.portrait import PHOTOS, Look, Person, draw_photo
from utils.cores import cores
from utils.durable import make_folder, name_folder, put, remove_folder

AGES = ((18, 29), (33, 55), (60, 60))
# Index into AGES, for each gender: 40 % young, 35 % middle, 25 % old, and all three in any part.
BANDS = (0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0)
_MARK = "DRAWN_DEMO_DATA.txt"


def draw_demo_data(folder: Path, *, people: int = 240, eval_people: int = 40, seed: int = 0) -> None:
    """Draws the data set into ``folder``, or returns at once where that folder exists already.

    The folder gets its name only when it is complete. The same seed gives the same bytes,
    whatever the number of threads.

    Args:
        folder: Where ``train/`` and ``eval/`` go.
        people: People in train, with 7 photos each: 20 or more, so that every group occurs.
        eval_people: Other people, in eval: 1 or more.
        seed: 0 or more.

    Raises:
        ValueError: Too few people.
    """
    if people < 20 or eval_people < 1:
        raise ValueError(f"Expected people >= 20, eval_people >= 1. Got {people}, {eval_people}.")
    if folder.exists():
        return

    partial = folder.with_name(folder.name + ".partial")
    remove_folder(partial)
    train, held_out = demo_people(people, seed), demo_people(eval_people, seed, first=people + 1)
    files = _write_train_table(partial / "train", train, seed)
    files += _write_eval_table(partial / "eval", held_out, seed)

    bar = tqdm(total=len(files), desc="Drawing demo data", unit="person", disable=None)
    with bar, ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(_draw_person, train + held_out, files, [seed] * len(files)):
            bar.update()

    put(partial / _MARK, b"Drawn by Podium, no photo of anyone. May be deleted at any time.\n")
    name_folder(partial, folder)


def is_demo(folder: Path) -> bool:
    """Tell whether ``folder`` holds drawn demo data."""
    return (folder / _MARK).is_file()


def demo_people(count: int, seed: int, *, first: int = 1) -> list[Person]:
    """Returns people numbered from ``first`` (1 or more): genders and ages evenly, shuffled."""
    people = []
    order = np.random.default_rng([seed, 0, first]).permutation(count).tolist()
    for number, position in enumerate(order, start=first):
        low, high = AGES[BANDS[position // 2 % len(BANDS)]]
        age = int(np.random.default_rng([seed, number, 0]).integers(low, high + 1))
        people.append(Person(number, ("male", "female")[position % 2], age))
    return people


def _write_train_table(folder: Path, people: Sequence[Person], seed: int) -> list[list[Path]]:
    """Writes train.csv, makes the folders and returns the seven files of each person."""
    ids = [f"{person.number:06d}" for person in people]
    # Two things that the real list has, and that break code which takes an id for a number.
    ids[12] = f"{ids[11]}-1"
    twin = next(i for i in range(14, len(people)) if people[i].gender != people[i - 1].gender)
    ids[twin] = ids[twin - 1]

    png, jpeg = max(2, round(0.06 * len(ids))), max(2, round(0.04 * len(ids)))
    endings = ["png"] * png + ["jpeg"] * jpeg + ["jpg"] * (len(ids) - png - jpeg)
    order = np.random.default_rng([seed, 0, 0]).permutation(len(ids))

    rows: list[tuple[object, ...]] = [("id", "gender", "race", "age", "path")]
    files = []
    for id_, person, position in zip(ids, people, order, strict=True):
        path = f"{id_}_{person.gender}_Drawn_{person.age}"
        make_folder(folder / "images" / path)
        rows.append((id_, person.gender, "Drawn", person.age, path))
        files.append([folder / "images" / path / f"{name}.{endings[position]}" for name in PHOTOS])

    put(folder / "train.csv", _csv(rows))
    return files


def _write_eval_table(folder: Path, people: Sequence[Person], seed: int) -> list[list[Path]]:
    """Writes info.csv, makes the folder and returns the seven files of each person."""
    make_folder(folder / "images")
    names = [_eval_names(person, seed) for person in people]

    rows = [(name, 0) for seven in names for name in seven]
    order = np.random.default_rng([seed, 0, 0]).permutation(len(rows))
    put(folder / "info.csv", _csv([("ImageID", "ans"), *(rows[position] for position in order)]))
    return [[folder / "images" / name for name in seven] for seven in names]


def _eval_names(person: Person, seed: int) -> list[str]:
    """Return names that say nothing of the person or the photo, as the organiser's."""
    keys = [f"{seed} {person.number} {name}" for name in PHOTOS]
    return [hashlib.sha1(key.encode()).hexdigest() + ".jpg" for key in keys]


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _draw_person(person: Person, files: Sequence[Path], seed: int) -> None:
    # The stream [seed, number, 0] gave the age; photos start at 1, the look comes after them.
    look = Look(person, np.random.default_rng([seed, person.number, len(PHOTOS) + 1]))
    for photo, path in enumerate(files):
        rng = np.random.default_rng([seed, person.number, photo + 1])
        pixels = draw_photo(look, photo, rng)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(80, 93))]
        data = cv2.imencode(path.suffix, pixels, [] if path.suffix == ".png" else quality)[1]
        put(path, data.tobytes())

"""Images that nobody laid out for this project: sklearn's handwritten digits, as a competition's files."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

LEVELS = ("parity", "size", "digit")  # from coarse to fine, as ``path_of`` gives them


def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return 1797 images (N, 8, 8) and the digit in each."""
    found = load_digits()
    return (found.images * 255 / 16).astype(np.uint8), found.target


def path_of(digit: int) -> tuple[str, str, str]:
    """Return a digit's label on each of ``LEVELS``."""
    parity = ("even", "odd")[digit % 2]
    return parity, f"{parity} {'small' if digit < 5 else 'large'}", str(digit)


def canvases(count: int, seed: int, part: slice) -> tuple[NDArray[np.uint8], list[list[int]]]:
    """Return images (N, 32, 32) with up to three digits of a part of all, and which these are."""
    images, labels = (values[part] for values in digits())
    generator = np.random.default_rng(seed)
    found, present = np.zeros((count, 32, 32), np.uint8), []
    for canvas in found:
        rows = generator.choice(len(images), generator.integers(0, 4), replace=False)
        for row, place in zip(rows, generator.permutation(4), strict=False):
            top, left = np.array(divmod(place, 2)) * 16 + generator.integers(0, 5, 2)
            canvas[top : top + 12, left : left + 12] = cv2.resize(images[row], (12, 12))
        present.append(sorted(set(labels[rows].tolist())))
    return found, present


def write_folders(root: Path, rows: Sequence[int]) -> None:
    """Write those digits as train/<digit>/<row>.png."""
    images, labels = digits()
    for row in rows:
        path = root / "train" / str(labels[row]) / f"{row:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), images[row])


def write_images(folder: Path, images: NDArray[np.uint8]) -> list[str]:
    """Write images as 0000.png and so on; return these names without the extension."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:04d}" for number in range(len(images))]
    for name, image in zip(names, images, strict=True):
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return names


def draw_canvases(folder: Path, train: int = 80, evaluated: int = 10) -> None:
    """Draw a competition with any number of digits on an image, and a column of 0 and 1 for each digit."""
    columns = ("image", *"0123456789")
    for part, table, count in (("train", "train", train), ("test", "sample_submission", evaluated)):
        images, present = canvases(count, len(part), slice(0, 1000))
        names = write_images(folder / part, images)
        rows = [
            [f"{name}.png", *(int(digit in digits) for digit in range(10))]
            for name, digits in zip(names, present, strict=True)
        ]
        write_csv(folder / f"{table}.csv", columns, rows)


def draw_hierarchy(
    folder: Path, levels: Sequence[str] = LEVELS, train: int = 80, evaluated: int = 10
) -> list[tuple[str, str, str]]:
    """Draw a competition with a digit on each image and its labels on three levels; return the eval ones.

    Nothing lies below "odd large", and -1 stands there: a 5, a 7 and a 9 have no label on the finest level.
    """
    images, found = (values[: train + evaluated] for values in digits())
    paths = [path_of(digit) for digit in found.tolist()]
    paths = [(*path[:2], "-1" if path[1] == "odd large" else path[2]) for path in paths]
    columns = ("image", *levels)
    names = write_images(folder / "train", images[:train])
    rows = [[f"{name}.png", *path] for name, path in zip(names, paths, strict=False)]
    write_csv(folder / "train.csv", columns, rows)
    names = write_images(folder / "test", images[train:])
    write_csv(folder / "sample_submission.csv", columns, [[f"{name}.png", "", "", ""] for name in names])
    return paths[train:]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV file."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def write_all_that_shows_scores(config: Path, epochs: str) -> None:
    """Add each callback that shows scores to a config, and let two epochs stand for those that it has."""
    text = config.read_text(encoding="utf-8").replace(epochs, "epochs = 2")
    shown = "\n".join(f"[callback.{name}]" for name in ("TensorBoard", "TrainScores", "RawScores"))
    config.write_text(f"{text}\n{shown}\n", encoding="utf-8")

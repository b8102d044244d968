"""A table with an image's pixels in each row, unpacked once: a folder of images, and the other columns."""

import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dataset.croppers.base import Pixels
from utils.convert import Side
from utils.csv_records import records, separator_of
from utils.durable import digest_of, make_folder, make_new_folder, name_folder, put, remove_folder, sha256_of
from utils.errors import DataError, closest, listed
from utils.on_disk import on_disk
from utils.tables import write_table
from utils.texts import comparable

FILE = "pixels_file"  # the column with the name of the unpacked image
TABLE, IMAGES = "table.csv", "images"
ROW = "row"  # the column with the number of the row, from 1
TableSize = tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class PixelTable:
    """How the pixels stand in a table.

    Args:
        pixels: the column in whose cells all of an image's values stand, between blanks; or what the columns
            with one value each begin with, before a number.
        size: height and width; none = as high as wide.
        white: the value of the brightest pixels.
    """

    pixels: str
    size: TableSize | None
    white: float

    def unpacked(self, path: Path, kept: Path) -> Path:
        """Return a folder with an image for each row, and a table of the other columns; made at most once.

        Args:
            path: the table.
            kept: where such folders are; each is named after what is in the table and how it is read.

        Raises:
            DataError: lists every row that is no image.
        """
        path = on_disk(path)
        size = None if self.size is None else list(self.size)
        facts = {
            "table": sha256_of(path),
            "pixels": self.pixels,
            "size": size,
            "white": self.white,
            "form": 1,
        }
        folder = kept / digest_of(facts)[:24]
        if folder.is_dir():
            return folder

        make_folder(kept)
        partial = kept / f".{folder.name}.{os.getpid()}.tmp"
        remove_folder(partial)
        try:
            make_new_folder(partial)
            make_new_folder(partial / IMAGES)
            self._unpack(path, partial)
            if not folder.is_dir():  # another process was as fast
                name_folder(partial, folder)
        finally:
            remove_folder(partial)
        return folder

    def _unpack(self, path: Path, folder: Path) -> None:
        lines = records(path, separator_of(path, ()))
        _, header = next(lines, (0, []))
        names = list(map(comparable, header))
        chosen = self._columns(names, path)
        others = [column for column in range(len(header)) if column not in set(chosen)]
        if taken := {FILE, ROW}.intersection(names):
            raise DataError(
                f"{path}: rename its column {taken.pop()!r}, which says where unpacked images are."
            )

        kept: list[list[str]] = []
        problems: list[str] = []
        brightest = 0.0
        for line, cells in lines:
            if not any(map(str.strip, cells)):
                continue
            try:
                values = self._values(cells, chosen, len(header))
                image = self._image(values)
            except ValueError as error:
                problems.append(f"{path.name} line {line}: {error}")
                continue
            brightest = max(brightest, float(values.max()))
            name = f"{len(kept) + 1:07d}.png"
            put(folder / IMAGES / name, cv2.imencode(".png", image)[1].tobytes())
            kept.append([str(len(kept) + 1), name, *(cells[column] for column in others)])

        if not kept and not problems:
            problems = ["there is a header and no row"]
        elif not problems and brightest <= 1 < self.white:
            problems = [f"no value is above {brightest:g}: are they shares of white? Write white = 1"]
        if problems:
            raise DataError(listed(str(path), problems))
        write_table(folder / TABLE, [ROW, FILE, *(header[column] for column in others)], kept, guarded=False)

    def _columns(self, names: Sequence[str], path: Path) -> list[int]:
        """Return where the pixels stand, in their order."""
        if self.pixels in names:
            return [names.index(self.pixels)]
        pattern = re.compile(re.escape(self.pixels) + r"[ _.-]?(\d{1,9})", re.IGNORECASE)
        numbered = {
            int(match[1]): column for column, name in enumerate(names) if (match := pattern.fullmatch(name))
        }
        if len(numbered) > 1:
            return [numbered[number] for number in sorted(numbered)]

        starts = Counter(match[1] for name in names if (match := re.fullmatch(r"(.+?)[ _.-]?\d+", name)))
        often = [start for start, count in starts.most_common(1) if count > 1]
        near = next(iter(often), None) or closest(self.pixels, names)
        hint = f" Did you mean pixels = {near}?" if near else ""
        raise DataError(
            f"{path}: there is neither a column {self.pixels!r} nor {self.pixels}0, {self.pixels}1, ...; its "
            f"columns are {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}.{hint}"
        )

    def _values(self, cells: Sequence[str], chosen: Sequence[int], columns: int) -> np.ndarray:
        """Return an image's values, float64 (P).

        Raises:
            ValueError: one is no number between 0 and white.
        """
        if len(cells) != columns:
            raise ValueError(f"{len(cells)} values for {columns} columns")
        texts = [cells[column] for column in chosen]
        if len(texts) == 1:
            texts = texts[0].strip(" []\t").replace(",", " ").split()
        try:
            values = np.array(texts, dtype=np.float64)
        except ValueError:
            wrong = next(text for text in texts if not _is_number(text))
            raise ValueError(f"{wrong!r} is no value of a pixel") from None
        outside = values[~((values >= 0) & (values <= self.white))]
        if outside.size:
            raise ValueError(f"the value {outside[0]:g} of a pixel is not in 0 to {self.white:g} (white)")
        return values

    def _image(self, values: np.ndarray) -> Pixels:
        """Return the image of values (P) that go row by row, uint8 (H, W), or (H, W, 3) in OpenCV's order."""
        count = len(values)
        if self.size is not None:
            height, width = self.size
        else:
            height = width = math.isqrt(count if math.isqrt(count) ** 2 == count else count // 3)

        bright = np.rint(values * (255 / self.white)).astype(np.uint8)
        if count and count == height * width:
            return bright.reshape(height, width)
        if count and count == 3 * height * width:
            return np.ascontiguousarray(bright.reshape(height, width, 3)[:, :, ::-1])

        if self.size is None:
            raise ValueError(f"{count} values are no image as high as wide: write size = height, width")
        raise ValueError(
            f"{count} values, where size = {height}, {width} has {height * width} (or 3 colours)"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

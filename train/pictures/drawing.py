"""Text and boxes on a white page, by Pillow: a plot's text objects take a hundred times as long to draw."""

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]  # (H, W, 3)
Colour = tuple[int, int, int]
BLACK, GREY, WHITE = (20, 20, 20), (120, 120, 120), (255, 255, 255)
# Brewer's "Blues" from 0 to 1.
_BLUES = np.array(
    [(247, 251, 255), (222, 235, 247), (198, 219, 239), (158, 202, 225), (107, 174, 214), (66, 146, 198),
     (33, 113, 181), (8, 81, 156), (8, 48, 107)]
)  # fmt: skip


def blue(share: float) -> Colour:
    """Return a blue that is the darker the higher the share in [0, 1]."""
    steps = np.linspace(0, 1, len(_BLUES))
    red, green, blue = (int(np.interp(share, steps, channel)) for channel in _BLUES.T)
    return red, green, blue


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font that matplotlib brings along, without importing it."""
    package = importlib.util.find_spec("matplotlib")
    folder = Path(package.origin).parent if package is not None and package.origin else Path()
    return ImageFont.truetype(str(folder / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def width_of(text: str, size: int) -> int:
    """Return how many pixels a line takes."""
    return round(font(size).getlength(text))


def wrapped(text: str, width: int, size: int, most: int) -> list[str]:
    """Return lines of at most ``width`` pixels, broken between words or else inside; ``most`` of them.

    Args:
        most: lines; where there are more, the last one ends with dots.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        words, now = line.split(" "), ""

        while words:
            word = words.pop(0)
            whole = f"{now} {word}" if now else word
            if width_of(whole, size) <= width:
                now = whole
            elif now:
                lines.append(now)
                words.insert(0, word)
                now = ""
            else:  # a word that is wider than the page; one letter at least, or it would never end
                fits = max(1, sum(width_of(word[:end], size) <= width for end in range(1, len(word) + 1)))
                lines.append(word[:fits])
                words[:0] = [word[fits:]] if word[fits:] else []
        lines.append(now)

    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and width_of(f"{last}…", size) > width:
        last = last[:-1]
    return [*lines[: most - 1], f"{last}…"]


class Page:
    """A white picture to draw on; points are (x, y) in pixels from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), WHITE)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, point: tuple[float, float], text: str, size: int, anchor: str = "mm", colour: Colour = BLACK
    ) -> None:
        """Write a line; ``anchor`` is Pillow's: ``lm`` = the point is the middle of its left end."""
        self._draw.text(point, text, fill=colour, font=font(size), anchor=anchor)

    def upright(self, point: tuple[int, int], text: str, size: int) -> None:
        """Write a line from below upwards, whose end is centred below ``point``."""
        box = font(size).getbbox(text, anchor="ls")
        width, height = max(1, round(font(size).getlength(text))), size + 4
        line = Image.new("L", (width, height), 0)
        ImageDraw.Draw(line).text((0, height - 4), text, fill=255, font=font(size), anchor="ls")
        mask = line.rotate(90, expand=True)
        middle = round((-box[1] + 4) / 2) if box[1] else height // 2
        self._image.paste(BLACK, (point[0] - height + middle, point[1]), mask)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle; its last row and column are ``bottom`` and ``right``."""
        self._draw.rectangle((left, top, right, bottom), fill=colour)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width: int = 2) -> None:
        """Draw a line through points, each with a dot."""
        self._draw.line(list(points), fill=colour, width=width)
        for x, y in points:
            self._draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)

    def rule(self, left: float, top: float, right: float, bottom: float) -> None:
        """Draw a thin line of a grid."""
        self._draw.line((left, top, right, bottom), fill=(220, 220, 220))

    def frame(self, left: float, top: float, right: float, bottom: float) -> None:
        """Draw the outline of a rectangle."""
        self._draw.rectangle((left, top, right, bottom), outline=GREY)

    def pixels(self) -> Picture:
        """Return the picture, which may be written to."""
        return np.array(self._image, dtype=np.uint8)


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], bars: Sequence[Sequence[float]]
) -> Picture:
    """Return a table whose cells have bars behind them.

    Args:
        bars: of each row, of each column but the first, how far its bar goes in [0, 1].
    """
    size, high, gap = 12, 22, 16  # pixels
    widths = [
        max(width_of(cell, size) for cell in column) + gap for column in zip(columns, *rows, strict=True)
    ]
    widths = [widths[0], *(max(90, width) for width in widths[1:])]  # room for a bar that can be read off

    lines = wrapped(title, max(400, sum(widths)), 13, 4)
    top = 10 + 18 * len(lines)
    page = Page(max(400, sum(widths)) + 20, top + high * (len(rows) + 1) + 10)
    for number, line in enumerate(lines):
        page.text((10, 14 + 18 * number), line, 13, "lm")

    left = 10
    for column, (name, width) in enumerate(zip(columns, widths, strict=True)):
        page.text((left + 4, top + high / 2), name, size, "lm", GREY)
        for number, row in enumerate(rows):
            upper = top + high * (number + 1)
            if column and (bar := bars[number][column - 1]) > 0:
                page.box(left, upper + 2, left + bar * (width - 6), upper + high - 3, (198, 219, 239))
            page.text((left + 4, upper + high / 2), row[column], size, "lm")
        left += width

    return page.pixels()

"""Pictures of a run: confusion matrices, sheets of images with captions, the scores of tags."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from dataset.tasks.confusion import Confusion
from train.pictures.drawing import BLACK, WHITE, Colour, Page, Picture, blue, width_of, wrapped

# Tableau's ten colours.
_COLOURS: tuple[Colour, ...] = (
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189),
    (140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207),
)  # fmt: skip
_TEXT = 11  # pixels: the size of captions and labels
_LINE = 14


def confusion_picture(confusions: Sequence[tuple[str, Confusion]]) -> Picture:
    """Return matrices side by side: colour = share of the true label's images, number = images.

    Args:
        confusions: each with its title.
    """
    most = max(len(confusion.labels) for _, confusion in confusions)
    cell = 46 if most <= 20 else 30  # pixels: a count of four digits fits into either

    labels = [label for _, confusion in confusions for label in confusion.labels]
    names = 34 + max(width_of(label, _TEXT) for label in labels)
    side = max(220, cell * most)
    titles = [wrapped(title, names + side - 10, 13, 3) for title, _ in confusions]
    head = 12 + 18 * max(map(len, titles))
    page = Page((names + side + 12) * len(confusions), head + side + names)

    for column, (title, (_, confusion)) in enumerate(zip(titles, confusions, strict=True)):
        left = column * (names + side + 12)
        for number, line in enumerate(title):
            page.text((left + 8, 16 + 18 * number), line, 13, "lm")
        _draw_matrix(page, confusion, (left + names, head), side)

    return page.pixels()


def curves_picture(curves: Mapping[str, Sequence[float]], title: str) -> Picture:
    """Return lines over the epochs, from 1, of values in [0, 1], each with its name on the right."""
    left, top, width, height = 46, 34, 620, 380
    count = max(map(len, curves.values()))
    names = 30 + max(width_of(name, _TEXT) for name in curves)
    page = Page(left + width + names + 16, max(top + height + 44, top + 18 * len(curves) + 10))
    page.text((8, 16), title, 13, "lm")

    for tenth in range(0, 11, 2):
        y = top + height * (1 - tenth / 10)
        page.rule(left, y, left + width, y)
        page.text((left - 8, y), f"{tenth / 10:.1f}", _TEXT, "rm")

    across = [left + width * (epoch + 0.5) / count for epoch in range(count)]
    step = -(-count // 12)  # at most 12 numbers, or they would run into one another
    for epoch in range(step - 1, count, step):
        page.text((across[epoch], top + height + 12), str(epoch + 1), _TEXT)
    page.text((left + width / 2, top + height + 30), "epoch", _TEXT)
    page.frame(left, top, left + width, top + height)

    for number, (name, values) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        page.line([(x, top + height * (1 - y)) for x, y in zip(across, values, strict=True)], colour)
        y = top + 9 + 18 * number
        page.line([(left + width + 12, y), (left + width + 28, y)], colour)
        page.text((left + width + 36, y), name, _TEXT, "lm")

    return page.pixels()


def image_sheet(images: NDArray[np.uint8], captions: Sequence[str], title: str, columns: int = 8) -> Picture:
    """Return images (N, H, W, 3) in rows, each with its caption above, in as many lines as it needs."""
    width, gap, most = 142, 8, 8  # pixels, pixels, lines
    height = round(width * images.shape[1] / images.shape[2])
    texts = [wrapped(caption, width, _TEXT, most) for caption in captions]
    across = min(columns, max(4, len(images))) * (width + gap)
    lines = wrapped(title, across - 16, 13, 3)
    rows = [texts[start : start + columns] for start in range(0, len(texts), columns)]
    tall = [_LINE * max(map(len, row)) + 10 for row in rows]
    head = 10 + 18 * len(lines)

    page = Page(across, head + sum(tall) + len(rows) * (height + gap))
    for number, line in enumerate(lines):
        page.text((8, 14 + 18 * number), line, 13, "lm")

    corners, top = [], head
    for row, above in zip(rows, tall, strict=True):
        for column, text in enumerate(row):
            left = column * (width + gap) + gap // 2
            for number, line in enumerate(text):
                lower = top + above - 4 - _LINE * (len(text) - number - 1)
                page.text((left + width / 2, lower - 3), line, _TEXT, "ms")
            corners.append((top + above, left))
        top += above + height + gap

    sheet = page.pixels()  # a copy: what is drawn from here on would be missing
    for image, (upper, left) in zip(images, corners, strict=True):
        sheet[upper : upper + height, left : left + width] = cv2.resize(image, (width, height))

    return sheet


def _draw_matrix(page: Page, confusion: Confusion, corner: tuple[int, int], side: int) -> None:
    left, top = corner
    count = len(confusion.labels)
    cell = side / max(1, count)
    share = confusion.counts / np.maximum(1, confusion.images[:, None])

    for number, label in enumerate(confusion.labels):
        page.text((left - 6, top + (number + 0.5) * cell), label, _TEXT, "rm")
        page.upright((round(left + (number + 0.5) * cell), top + side + 6), label, _TEXT)
    page.text((left - 6, top + side + 12), "\u2191 true", _TEXT, "rm")
    page.text((left - 6, top + side + 28), "predicted \u2192", _TEXT, "rm")

    for row, column in zip(*np.nonzero(confusion.counts), strict=True):
        x, y = left + column * cell, top + row * cell
        page.box(x, y, x + cell - 1, y + cell - 1, blue(share[row, column]))

        colour = WHITE if share[row, column] > 0.6 else BLACK
        text = str(confusion.counts[row, column])
        size = _TEXT if width_of(text, _TEXT) < cell else 8
        page.text((x + cell / 2, y + cell / 2), text, size, "mm", colour)
    page.frame(left, top, left + side, top + side)

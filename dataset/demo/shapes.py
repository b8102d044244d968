"""Shapes, colours and smooth fields that portraits are drawn with."""

import colorsys
import functools

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Paint = tuple[float, float, float]
Points = NDArray[np.float64]  # (N, 2)
HEIGHT, WIDTH = 512, 384


def stretch(corners: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Returns a few values, 0 to 255, as a smooth field over the whole photo, (512, 384, 3)."""
    small = corners.clip(0, 255).astype(np.uint8)
    field = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return field.astype(np.uint8, copy=False)


def oval(x: float, y: float, rx: float, ry: float, start: int = 0, end: int = 360) -> Points:
    """Returns the oval round (x, y), or its arc: degrees, clockwise from the right."""
    return _arc(start, end) * (rx, ry) + (x, y)


@functools.cache
def _arc(start: int, end: int) -> Points:
    turn = np.radians(np.linspace(start, end, 24))
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def smooth(points: ArrayLike, *, closed: bool = True) -> Points:
    """Returns the shape with its corners cut (Chaikin, 1974): three times, or twice if open."""
    shape = np.asarray(points, dtype=np.float64)
    return _corner_cuts(len(shape), closed) @ shape


@functools.cache
def _corner_cuts(count: int, closed: bool) -> NDArray[np.float64]:
    cuts = np.eye(count)
    for _ in range(3 if closed else 2):
        after = np.roll(cuts, -1, axis=0)
        inside = np.stack([0.75 * cuts + 0.25 * after, 0.25 * cuts + 0.75 * after], axis=1)
        ring = inside.reshape(-1, count)
        cuts = ring if closed else np.vstack([cuts[:1], ring[:-2], cuts[-1:]])
    return cuts


def mix(colour: Paint, other: Paint, share: float) -> Paint:
    """Returns ``colour`` with a ``share`` (0 to 1) of ``other``."""
    blue, green, red = (a + share * (b - a) for a, b in zip(colour, other, strict=True))
    return blue, green, red


def hsv(hue: float, saturation: float, value: float) -> Paint:
    """Returns a colour from its hue, saturation and value, 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return 255 * blue, 255 * green, 255 * red

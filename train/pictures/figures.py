"""Plots for people, as arrays (no global figure, so no leak)."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from train.pictures.drawing import Picture
from utils.durable import write_bytes

matplotlib.use("Agg")


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture durably as a PNG file."""
    _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_bytes(path, coded.tobytes())


def rendered(figure: Figure) -> Picture:
    """Return a figure's pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return np.asarray(pixels, dtype=np.uint8)[..., :3].copy()

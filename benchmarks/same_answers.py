"""Why Podium and timm do not give the same answer to each image: how far whose pixels are from exact ones.

    PODIUM_DATA=/path/to/data python -m benchmarks.same_answers --images 400

Both shrink each photograph: Podium with OpenCV (the mean over areas, at half-size decoding where that is as
good), timm's loader with Pillow (a triangle of twice the width). Here both filters are also computed in
float64 from the whole decoded image, without rounding to whole numbers. A net that is trained for a little
while answers to all four.
"""

import argparse
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.data import data_folder, kind_of, lay_out, work_folder, write_config
from benchmarks.rows import Figure, ResultRow, report
from dataset.images.prepare import Prepare

SIZE = (128, 96)  # height, width
RUN = "runs/speed/001"
ExactPixels = NDArray[np.float64]  # (H, W, 3), 0 to 255


@cache
def weights(old: int, new: int, *, triangle: bool) -> ExactPixels:
    """Return the matrix (new, old) of a filter along one side: a box as wide as a pixel, or a triangle."""
    scale, edges = old / new, np.arange(old + 1.0)
    if not triangle:
        begin = np.arange(new)[:, None] * scale
        covered = np.minimum(edges[1:], begin + scale) - np.maximum(edges[:-1], begin)
        return np.maximum(covered, 0) / scale
    middle = (np.arange(new)[:, None] + 0.5) * scale
    height = np.maximum(0, 1 - np.abs(edges[:-1] + 0.5 - middle) / scale)
    return height / height.sum(axis=1, keepdims=True)


def exact(image: ExactPixels, *, triangle: bool) -> ExactPixels:
    """Return an image shrunk to SIZE in float64."""
    down = weights(image.shape[0], SIZE[0], triangle=triangle)
    across = weights(image.shape[1], SIZE[1], triangle=triangle)
    return np.einsum("yh,hwc,xw->yxc", down, image, across, optimize=True)


def shrunk(path: Path) -> dict[str, ExactPixels]:
    """Return a photograph's pixels by each way."""
    with Image.open(path) as file:
        whole = file.convert("RGB")
    values = np.asarray(whole, dtype=np.float64)
    return {
        "Podium": Prepare(SIZE)(path).astype(np.float64),
        "timm": np.asarray(whole.resize(SIZE[::-1], Image.Resampling.BILINEAR), dtype=np.float64),
        "areas": exact(values, triangle=False),
        "triangle": exact(values, triangle=True),
    }


def decibels(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the peak signal-to-noise ratio of images (N, H, W, 3)."""
    return float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))


def answers(work: Path, images: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.int64]]:
    """Return what a trained run says of the images of each way, as its class numbers."""
    from experiment.assemble import Experiment
    from experiment.finished_run import finished_run
    from experiment.read_settings import settings_from
    from utils.ini import read_ini

    experiment = Experiment.of(settings_from(read_ini(work / RUN / "config.ini"), "the run"))
    model = experiment.model(fresh=False)
    model.load_state_dict(finished_run(work / RUN)["model"])
    model.eval()
    labels = {}
    for name, pixels in images.items():
        with torch.inference_mode():
            parts = torch.from_numpy(pixels).float().permute(0, 3, 1, 2).split(64)
            (logits,) = zip(*(model(part).values() for part in parts), strict=True)
        labels[name] = torch.cat(logits).argmax(dim=1).numpy()
    return labels


def main() -> None:
    """Train a little, shrink photographs in all ways, and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=400, help="to look at (default 400)")
    parser.add_argument("--train-images", type=int, default=1400, help="of the training before")
    arguments = parser.parse_args()
    from benchmarks.real_run import command

    data = data_folder()
    config = {
        "images.size": f"{SIZE[0]}, {SIZE[1]}", "images.room": "0", "model.name": "TimmModel",
        "model.backbone": "mobilenetv3_small_050", "train.epochs": "3", "train.batch_size": "32",
        "optimizer.lr": "3e-3",
    }  # fmt: skip
    with work_folder() as work:
        lay_out(data, work / "data", arguments.train_images, arguments.images)
        write_config(work, config)
        subprocess.run([sys.executable, "run.py", *command(work)], check=True, capture_output=True)
        files = sorted((work / "data" / "eval" / "images").iterdir())[: arguments.images]
        each = [shrunk(path) for path in files]
        images = {name: np.stack([ways[name] for ways in each]) for name in each[0]}
        report(rows(images, answers(work, images), kind_of(data)))


def rows(
    images: dict[str, NDArray[np.float64]], answers: dict[str, NDArray[np.int64]], kind: str
) -> list[ResultRow]:
    """Return how far each pair of ways is apart, in pixels and in answers."""
    pairs = [("Podium", "areas"), ("timm", "triangle"), ("areas", "triangle"), ("Podium", "timm")]
    result: list[ResultRow] = []
    for first, other in pairs:
        names = f"{first} and {other}"
        apart, same = decibels(images[first], images[other]), float((answers[first] == answers[other]).mean())
        for what, unit, value in (("pixels", "dB", apart), ("share of the same answers", "of 1", same)):
            result.append(
                Figure(
                    benchmark="same_answers", what=f"{what}, {names}", unit=unit, values=[value],
                    facts={"images": len(answers[first]), "data": kind},
                )
            )  # fmt: skip
    return result


if __name__ == "__main__":
    main()

"""What a CPU's prediction gains by batch norms inside of convolutions, and by bfloat16.

    python -m benchmarks.predicting --models mobilenetv3_small_050 efficientnet_b0 resnet18

Each net answers the same batch of random images in turns: as it is, folded as ``predict`` folds it, and
folded in bfloat16, with one thread as in a lane of two cores, and with freed memory kept as in a run.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from benchmarks.rows import Ratio, report
from inference.folded import WatchedNorms, folded
from models.base import MODELS
from train.trial import answer, drawn
from utils.device import Precision, keep_freed_memory
from utils.registry import Component

SIZE = (128, 96)  # height, width
FLOAT32, BFLOAT16 = (Precision(torch.device("cpu"), dtype) for dtype in (torch.float32, torch.bfloat16))
WAYS = {"as it is": (False, FLOAT32), "folded": (True, FLOAT32), "folded, bfloat16": (True, BFLOAT16)}


@contextmanager
def asked(model: nn.Module, images: torch.Tensor, *, fold: bool) -> Iterator[None]:
    """Let the model be as it is, or as ``predict`` asks it."""
    norms = WatchedNorms(model)
    with norms:
        answer(model, images, FLOAT32)
    with folded(norms.pairs()) if fold else nullcontext():
        yield


def rates(backbone: str, batch: int, turns: int) -> dict[str, list[float]]:
    """Return the images a second of each way to predict, of each turn but the first."""
    component = Component.of("TimmModel", backbone=backbone)
    model = MODELS.build(component, heads={"a": 18}, image_size=SIZE, fresh=False).eval()
    model = model.to(memory_format=torch.channels_last)
    images = drawn(batch, SIZE, torch.device("cpu"))
    measured: dict[str, list[float]] = {way: [] for way in WAYS}

    for turn in range(turns + 1):
        for way, (fold, precision) in WAYS.items():
            with asked(model, images, fold=fold):
                answer(model, images, precision)
                started = time.perf_counter()
                answer(model, images, precision)
                seconds = time.perf_counter() - started
            if turn:
                measured[way].append(batch / seconds)
    return measured


def main() -> None:
    """Measure each net."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["mobilenetv3_small_050"], help="backbones of timm")
    parser.add_argument("--batch", type=int, default=64, help="images at once (default 64)")
    parser.add_argument("--turns", type=int, default=9, help="of each way (default 9)")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    keep_freed_memory()
    rows = []
    for backbone in arguments.models:
        measured = rates(backbone, arguments.batch, arguments.turns)
        rows += [
            Ratio(
                benchmark="predicting", what=f"predicting with {backbone}, {way}", against="as it is",
                unit="img/s", podium=measured[way], peer=measured["as it is"],
                facts={"batch": arguments.batch},
            )
            for way in list(WAYS)[1:]
        ]  # fmt: skip
    report(rows)


if __name__ == "__main__":
    main()

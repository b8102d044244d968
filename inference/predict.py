"""The one function that runs a model for evaluation: validation, inference and everything else."""

from collections.abc import Iterable, Sized
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from dataset.reading import Batch, ahead
from dataset.tasks.base import Logits, Targets
from inference.lanes import LANES, answered
from utils.cores import on_a_core
from utils.device import Precision
from utils.device_errors import explained

_SMALLER = "Write a smaller [infer] batch_size, or [images] store = disk."


class Batches(Sized, Iterable[Batch], Protocol):
    """Batches whose number is known."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Logits and targets (N, K) by space in float32 on the CPU, and each image's row in its table."""

    rows: NDArray[np.int64]
    logits: Logits
    targets: Targets


def predict(model: nn.Module, batches: Batches, precision: Precision, *, what: str) -> Predictions:
    """Return the model's logits for all batches, in their order.

    The model is in eval mode meanwhile and each of its modules as before afterwards. Nothing leaves the
    device until the last batch is done.

    Args:
        what: for the progress bar, such as ``Validating``.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()

    rows: list[NDArray[np.int64]] = []
    logits: list[Logits] = []
    targets: list[Targets] = []

    turn = on_a_core if precision.device.type == "cpu" else nullcontext()

    def answer(asked: nn.Module, batch: Batch) -> Logits:
        with turn, torch.inference_mode(), precision.autocast():
            return cast(Logits, asked(*batch.inputs(precision.device)))

    if precision.device.type == "cpu" and len(batches) > LANES:
        answers = answered(model, batches, answer)
    else:
        source = ahead(iter(batches)) if precision.device.type == "cuda" else batches
        answers = ((batch, answer(model, batch)) for batch in source)
    bar = tqdm(answers, desc=what, total=len(batches), unit="batch", leave=False, disable=None)

    try:
        with closing(answers), explained(precision.device, f"{what}: the images of a batch", _SMALLER):
            for batch, of_batch in bar:
                logits.append(of_batch)
                rows.append(batch.rows)
                targets.append(batch.targets)
    finally:
        for module in training:
            module.training = True

    return Predictions(np.concatenate(rows), _joined(logits), _joined(targets))


def _joined(parts: list[Logits]) -> dict[str, Tensor]:
    joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return {name: values.float().cpu().clone() for name, values in joined.items()}

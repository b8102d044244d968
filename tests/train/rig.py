"""A trainer on a few drawn images, whose bits a killed run must reach as well."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dataset.augmentation.base import Augmentation, Augmenter
from dataset.batches import EvalBatches, TrainBatches
from dataset.samplers.every_image import EveryImage
from dataset.tasks.mask import MaskTask
from loss.base import PerHeadLoss
from loss.cross_entropy import CrossEntropy
from models.base import Classifier
from models.tiny_net import TinyNet
from schedulers.base import SCHEDULERS
from train import checkpoint
from train.callbacks.base import Callback
from train.optimizers.base import OPTIMIZERS, Rates, parameter_groups
from train.passes import Passes
from train.state import TrainState
from train.timed import TimedTrainer
from train.trainer import Trainer
from train.validator import Validator
from utils.device import Precision
from utils.registry import Component

NO_RATES = Rates()
SIZE = (16, 16)
TRAIN, VALID = 26, 11  # images
CPU = Precision(torch.device("cpu"), torch.float32)
TASK = MaskTask()


class Drawn:
    """Random pixels in memory."""

    def __init__(self, count: int) -> None:
        self.bad: dict[int, str] = {}
        self.pixels = np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.pixels[rows]).permute(0, 3, 1, 2)


SOURCE = Drawn(TRAIN + VALID)
_labels = np.random.default_rng(1).integers(0, 18, TRAIN + VALID)
TARGETS = TASK.targets([{"mask": (y // 6,), "gender": (y // 3 % 2,), "age": (y % 3,)} for y in _labels])


def without_batch_norm(dropout: float = 0.0) -> Classifier:
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.Tanh(), nn.Flatten())
    return Classifier(backbone, 64, TASK.heads, dropout=dropout)


def tiny(dropout: float = 0.0) -> Classifier:
    return TinyNet(heads=TASK.heads, image_size=SIZE, width=2, dropout=dropout)


def trainer(
    model: Classifier | None = None,
    *,
    epochs: int = 1,
    batch_size: int = 4,
    accumulate: int = 1,
    clip: float | None = None,
    chain: Sequence[Augmentation] = (),
    callbacks: Sequence[Callback] = (),
    criterion: nn.Module | None = None,
    rows: int = TRAIN,
    lr: float = 0.05,
    adam: bool = False,
    optimizer: Component | None = None,
    rates: Rates = NO_RATES,
    validator: Any = None,
    loop: type[Trainer] = TimedTrainer,
    passes: type[Passes] = Passes,
    precision: Precision = CPU,
) -> Trainer:
    """Return a trainer of SGD without momentum, of AdamW along a cosine, or of another optimiser."""
    torch.manual_seed(11)
    model = (model or tiny()).to(precision.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = TrainBatches(
        SOURCE, TARGETS, EveryImage(rows=np.arange(rows), seed=5), batch_size, accumulate=accumulate
    )
    steps = -(-len(batches) // accumulate)
    plain = {"momentum": 0.0, "weight_decay": 0.0, "nesterov": False}
    usual = Component.of("AdamW", lr=lr) if adam else Component.of("SGD", lr=lr, **plain)
    made = OPTIMIZERS.build(optimizer or usual, groups=parameter_groups(model, rates))
    kind = Component.of("CosineAnnealing" if adam else "Constant")
    scheduler = SCHEDULERS.build(kind, optimizer=made, steps_per_epoch=steps, epochs=epochs)
    loss = PerHeadLoss({name: CrossEntropy() for name in TASK.heads}, dict.fromkeys(TASK.heads, 1.0))
    scored = EvalBatches(SOURCE, np.arange(TRAIN, TRAIN + VALID), batch_size=4, size=SIZE, targets=TARGETS)
    loss_sum, scaler = torch.zeros((), device=precision.device), precision.scaler()
    return loop(
        TrainState(model, made, scheduler, scaler, model, loss_sum),
        batches=batches,
        augmenter=Augmenter(chain, size=SIZE, seed=5),
        passes=passes(model, criterion or loss, precision, scaler),
        validator=validator or Validator(TASK, scored, loss, precision),
        callbacks=callbacks,
        epochs=epochs,
        seed=5,
        clip=clip,
    )


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def fixed(make: Any = without_batch_norm, **options: float) -> Classifier:
    torch.manual_seed(2)
    model: Classifier = make(**options)
    return model


class KilledAt(Callback):
    """Saves the state after a step, as a timer would, and ends the run there."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder, self.step = folder, step

    def on_step_end(self, state: TrainState) -> None:
        if state.step == self.step:
            checkpoint.save(self.folder, "last", state.step, state.state_dict())
            raise KeyboardInterrupt


def resumed_after(step: int, fresh: Callable[..., Trainer], folder: Path) -> Trainer:
    """Return the trainer of a run that was killed after ``step`` and resumed, at its end.

    Args:
        fresh: makes the run's trainer anew, with further callbacks behind its own.
    """
    with pytest.raises(KeyboardInterrupt):
        fresh(KilledAt(folder, step)).fit()
    resumed = fresh()
    saved = checkpoint.load(folder, "last")
    assert saved is not None
    resumed.state.load_state_dict(saved)
    torch.rand(step)  # wherever the global generator stands
    resumed.fit()
    return resumed


def assert_same_bits(one: TrainState, other: TrainState) -> None:
    """Compare all weights, statistics and scores of two finished runs."""
    for name in ("model", "eval_model"):
        expected = getattr(other, name).state_dict()
        for key, value in getattr(one, name).state_dict().items():
            assert torch.equal(value, expected[key]), f"{name} {key}"
    timeless = [
        [{k: v for k, v in entry.items() if k != "seconds"} for entry in state.history]
        for state in (one, other)
    ]
    assert timeless[0] == timeless[1]

"""Which callbacks a run gets, in which order, and which don't go together."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dataset.tasks.mask import MaskTask
from experiment.callbacks import build_callbacks
from experiment.refuse import check_callbacks
from loss.base import PerHeadLoss
from loss.cross_entropy import CrossEntropy
from train.callbacks.base import CALLBACKS
from utils.device import Precision
from utils.errors import ConfigError
from utils.registry import Component


def settings(*names: str) -> Any:
    placed = [Component(name, {}, f"callback.{name}", f"line {i}") for i, name in enumerate(names)]
    train = SimpleNamespace(kept_by="loss", epochs=3, final=None)
    return SimpleNamespace(callbacks=tuple(placed), train=train, texts=dict)


def test_two_that_average_the_weights_are_refused_with_both_names_and_places() -> None:
    assert [name for name in CALLBACKS.names() if CALLBACKS.get(name).averages] == ["EMA", "SWA"]
    check_callbacks(settings("SWA", "EarlyStopping", "SAM"))
    with pytest.raises(ConfigError, match=r"SWA and EMA each average .*\(line 0, line 2\)"):
        check_callbacks(settings("SWA", "SAM", "EMA"))


def test_what_adds_numbers_to_an_epoch_comes_before_what_reads_them(tmp_path: Path) -> None:
    loss = PerHeadLoss({"a": CrossEntropy()}, {"a": 1.0}, {"a": torch.ones(2)})
    found = build_callbacks(
        settings("EarlyStopping", "SAM", "Freeze", "EMA"), folder=tmp_path, task=MaskTask(), batches=None,
        validator=None,
        augmenter=SimpleNamespace(chain=()),
        criterion=loss, precision=Precision(torch.device("cpu"), torch.float32),
    )  # fmt: skip
    names = [type(callback).__name__ for callback in found]
    assert names == [
        "FiniteLoss", "Progress", "Freeze", "EarlyStopping", "SAM", "EMA", "Checkpoints", "History",
        "TimeSplit", "SharedCores", "StopSignals",
    ]  # fmt: skip

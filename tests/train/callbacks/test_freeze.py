"""Freezing and melting: what stays the same bits, what moves then, and when."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from models.base import Classifier
from models.layers import layers
from tests.train.optimizers.chosen import chosen
from tests.train.rig import (
    TASK,
    assert_same_bits,
    fixed,
    resumed_after,
    tiny,
    trainer,
    weights,
)  # fmt: skip
from train.callbacks.base import Callback
from train.callbacks.early_stopping import EarlyStopping
from train.callbacks.ema import EMA
from train.callbacks.freeze import Freeze
from train.monitor import Monitor
from train.optimizers.base import OPTIMIZERS
from train.state import TrainState
from train.trainer import Trainer
from utils.errors import ConfigError

MONITOR = Monitor("macro_f1")


class Scripted:
    """Validates to what the script says; it is no part of what is tested."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = list(scores)

    def due(self, epoch: int) -> bool:
        return True

    def run(self, model: nn.Module) -> tuple[dict[str, float], None]:
        return {"macro_f1": self.scores.pop(0), "loss": 1.0}, None


class Epochs(Callback):
    """Keeps all values at the end of each epoch."""

    def __init__(self) -> None:
        self.kept: list[dict[str, torch.Tensor]] = []

    def on_epoch_end(self, state: TrainState) -> None:
        self.kept.append(weights(state.model))


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_frozen_values_stay_the_same_bits_until_they_melt_and_then_move(name: str) -> None:
    epochs, model = Epochs(), fixed(tiny)
    start = weights(model)
    optimizer = chosen(name, lr=0.01, weight_decay=0.1)
    freeze = Freeze(monitor=MONITOR, melt_after=2)
    options: dict[str, Any] = {"epochs": 3, "rows": 28, "clip": 1.0}  # an odd number of Lion's equal steps
    trainer(model, optimizer=optimizer, callbacks=[freeze, epochs], **options).fit()
    heads = {f"heads.{head}.{kind}" for head in TASK.heads for kind in ("weight", "bias")}
    assert moved(start, epochs.kept[0]) == heads
    assert moved(start, epochs.kept[1]) == heads
    assert moved(epochs.kept[1], epochs.kept[2]) == start.keys() - {"normalise.mean", "normalise.std"}


def test_without_a_rule_the_backbone_stays_frozen_and_the_history_as_it_is() -> None:
    model = fixed(tiny)
    start = weights(model.backbone)
    state = trainer(model, epochs=3, callbacks=[Freeze(monitor=MONITOR)]).fit()
    assert moved(start, weights(state.model.backbone)) == set()
    assert "frozen" not in state.history[-1]


class Modes(Callback):
    """Notes which modules are in training mode in each epoch."""

    def __init__(self) -> None:
        self.training: list[set[str]] = []

    def on_step_end(self, state: TrainState) -> None:
        if state.batch == 1:
            named = state.model.named_modules()
            self.training.append({name for name, module in named if module.training})


def test_frozen_modules_are_in_eval_mode_and_train_again_once_melted() -> None:
    def make() -> Classifier:
        block = nn.Sequential(nn.Conv2d(4, 4, 3, stride=2), nn.BatchNorm2d(4), nn.Dropout(0.5))
        backbone = nn.ModuleDict({"stem": nn.Conv2d(3, 4, 3, stride=4), "block": block})
        backbone.forward = lambda images: block(backbone["stem"](images)).flatten(1)
        return Classifier(backbone, 4, TASK.heads, dropout=0.1)

    modes = Modes()
    trainer(fixed(make), epochs=2, callbacks=[Freeze(monitor=MONITOR, melt_after=1), modes]).fit()
    frozen, melted = modes.training
    assert melted - frozen == {"backbone", *(f"backbone.{n}" for n in ("stem", "block")),
                               *(f"backbone.block.{i}" for i in range(3))}  # fmt: skip
    assert {"", "dropout", "heads", "heads.age"} <= frozen


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.3, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_a_share_freezes_the_first_layers_with_their_norms(share: float, count: int) -> None:
    epochs, model = Epochs(), fixed(tiny)
    start, found = weights(model), layers(model)
    trainer(model, callbacks=[Freeze(monitor=MONITOR, share=share), epochs]).fit()
    frozen = {id(p) for layer in found[:count] for p in layer}
    names = {name for name, p in model.named_parameters() if id(p) in frozen}
    buffers = {f"backbone.{3 * i + 1}.{kind}" for i in range(count)
               for kind in ("running_mean", "running_var", "num_batches_tracked")}  # fmt: skip
    assert len(names) == 3 * count
    still = start.keys() - moved(start, epochs.kept[0])
    assert still == names | buffers | {"normalise.mean", "normalise.std"}


@pytest.mark.parametrize(
    ("rules", "scores", "frozen_epochs"),
    [
        ({"melt_after": 2}, [0.1, 0.2, 0.3, 0.4, 0.5], 2),
        ({"melt_patience": 2}, [0.1, 0.3, 0.2, 0.3, 0.9], 4),
        ({"melt_patience": 1}, [0.5, 0.4, 0.6, 0.5, 0.7], 2),  # a better score does not freeze again
        ({"melt_patience": 2}, [0.1, 0.2, 0.3, 0.4, 0.5], 5),
        ({"melt_patience": 2, "melt_after": 4}, [0.5, 0.1, 0.1, 0.1, 0.1], 3),
        ({"melt_patience": 3, "melt_after": 1}, [0.5, 0.1, 0.1, 0.1, 0.1], 1),
    ],
)
def test_it_melts_after_epochs_or_without_a_better_score_and_stays_melted(
    rules: dict[str, int], scores: list[float], frozen_epochs: int
) -> None:
    epochs, model = Epochs(), fixed(tiny)
    start = weights(model)
    freeze = Freeze(monitor=MONITOR, **rules)
    state = trainer(model, epochs=5, callbacks=[freeze, epochs], validator=Scripted(scores)).fit()
    still = [torch.equal(kept["backbone.0.weight"], start["backbone.0.weight"]) for kept in epochs.kept]
    assert still == [True] * frozen_epochs + [False] * (5 - frozen_epochs)
    total, backbone = (sum(p.numel() for p in m.parameters()) for m in (model, model.backbone))
    expected = [backbone / total] * frozen_epochs + [0] * (5 - frozen_epochs)
    assert [entry["frozen"] for entry in state.history] == expected


@pytest.mark.parametrize(
    ("rules", "scores", "stops_after"),
    [
        ({"melt_after": 4}, [0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 6),
        ({"melt_after": 4}, [0.5, 0.1, 0.1, 0.1, 0.6, 0.1, 0.1, 0.1], 7),
        ({"melt_patience": 1}, [0.5, 0.4, 0.4, 0.4, 0.6, 0.1, 0.1, 0.1], 4),
        ({}, [0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 3),  # never melts: counts as ever
    ],
)
def test_early_stopping_counts_anew_once_melted(
    rules: dict[str, int], scores: list[float], stops_after: int
) -> None:
    callbacks = [Freeze(monitor=MONITOR, **rules), EarlyStopping(monitor=MONITOR, patience=2)]
    state = trainer(fixed(tiny), epochs=8, callbacks=callbacks, validator=Scripted(scores)).fit()
    assert state.epoch == stops_after
    resumed = trainer(fixed(tiny), epochs=8, callbacks=callbacks, validator=Scripted([]))
    resumed.state.history, resumed.state.epoch = state.history, state.epoch
    assert resumed.fit().step == 0


@pytest.mark.parametrize("step", [2, 4, 6, 8, 10])  # 4 an epoch; melts after the second
@pytest.mark.parametrize("adam", [False, True])
def test_a_run_resumed_around_the_melt_ends_with_the_same_bits(step: int, adam: bool, tmp_path: Path) -> None:
    def fresh(*callbacks: Callback) -> Trainer:
        own = [Freeze(monitor=MONITOR, melt_after=2), EMA(decay=0.7), *callbacks]
        options: dict[str, Any] = {"epochs": 3, "accumulate": 2, "rows": 28, "lr": 0.02}
        return trainer(fixed(tiny, dropout=0.3), adam=adam, callbacks=own, **options)

    straight = fresh()
    straight.fit()
    assert_same_bits(resumed_after(step, fresh, tmp_path).state, straight.state)
    assert [bool(entry["frozen"]) for entry in straight.state.history] == [True, True, False]


def test_the_average_of_frozen_weights_is_the_frozen_weights() -> None:
    model = fixed(tiny)
    start = weights(model.backbone)
    state = trainer(model, epochs=2, callbacks=[EMA(decay=0.9), Freeze(monitor=MONITOR)]).fit()
    assert moved(start, weights(state.eval_model.backbone)) == set()
    assert not torch.equal(state.eval_model.heads["age"].weight, state.model.heads["age"].weight)


def test_weights_that_the_model_itself_never_trains_are_not_melted() -> None:
    model = fixed(tiny)
    model.backbone[0].requires_grad_(False)
    start = model.backbone[0].weight.clone()
    trainer(model, epochs=2, callbacks=[Freeze(monitor=MONITOR, melt_after=1)]).fit()
    assert torch.equal(model.backbone[0].weight, start)
    assert not model.backbone[0].weight.requires_grad
    assert model.backbone[3].weight.requires_grad


def test_a_run_that_would_train_nothing_is_refused() -> None:
    model = fixed(tiny)
    model.heads = nn.ModuleDict({name: nn.Flatten() for name in TASK.heads})
    state: Any = SimpleNamespace(model=model)
    with pytest.raises(ConfigError, match="nothing is left to train"):
        Freeze(monitor=MONITOR).on_fit_start(state)

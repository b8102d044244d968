"""Stochastic weight averaging against torch's own, epoch by epoch."""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from dataset.augmentation.train_augmentation import TrainAugmentation
from models.base import Classifier
from tests.train.rig import (
    CPU,
    SIZE,
    TASK,
    assert_same_bits,
    fixed,
    resumed_after,
    tiny,
    trainer,
    weights,
    without_batch_norm,
)  # fmt: skip
from train.augmented import augmented
from train.callbacks.base import Callback
from train.callbacks.freeze import Freeze
from train.callbacks.swa import SWA
from train.monitor import Monitor
from train.state import TrainState
from train.trainer import Trainer

EPOCHS = 4


def averaging(last: int, *others: Callback, model: Any = None, first: Sequence[Callback] = ()) -> Trainer:
    found = trainer(
        model or fixed(tiny), epochs=EPOCHS, accumulate=2, rows=28, lr=0.02, adam=True,
        chain=[TrainAugmentation(size=SIZE)],
    )  # fmt: skip
    swa = SWA(batches=found.batches, augmenter=found.augmenter, precision=CPU, epochs=EPOCHS, last=last)
    found.callbacks = [*first, swa, *others]
    return found


def trained_on(found: Trainer, epoch: int) -> Iterator[Tensor]:
    for batch in found.batches.epoch(epoch):
        yield augmented(batch, found.augmenter, torch.device("cpu"))[0][0]


class Epochs(Callback):
    """Keeps the weights and what was evaluated at the end of each epoch."""

    def __init__(self) -> None:
        self.models: list[nn.Module] = []
        self.evaluated: list[nn.Module] = []

    def on_epoch_end(self, state: TrainState) -> None:
        self.models.append(copy.deepcopy(state.model))
        self.evaluated.append(copy.deepcopy(state.eval_model))


@pytest.mark.parametrize(("last", "plain"), [(1, 3), (2, 2), (3, 1), (4, 0), (9, 0)])
def test_after_each_of_the_last_epochs_it_is_torchs_average_and_that_is_validated(
    last: int, plain: int
) -> None:
    epochs = Epochs()
    found = averaging(last, epochs)
    state = found.fit()
    reference = AveragedModel(found.state.model)
    for epoch, (model, evaluated) in enumerate(zip(epochs.models, epochs.evaluated, strict=True)):
        if epoch < plain:
            expected = model
        else:
            reference.update_parameters(model)
            update_bn(trained_on(found, epoch), reference)
            expected = reference.module
        for name, value in expected.state_dict().items():
            torch.testing.assert_close(evaluated.state_dict()[name], value, rtol=1e-5, atol=1e-6)
        loss = found.validator.run(expected)[0]["loss"]
        assert state.history[epoch]["loss"] == pytest.approx(loss, rel=1e-5)
    assert state.eval_model is not state.model
    assert not any(p.requires_grad or p.grad is not None for p in state.eval_model.parameters())
    if last > 1:
        assert state.history[-1]["loss"] != found.validator.run(state.model)[0]["loss"]


def test_averaging_changes_nothing_of_what_is_trained() -> None:
    averaged, plain = averaging(3), averaging(3)
    plain.callbacks = []
    expected = weights(plain.fit().model)
    for name, value in averaged.fit().model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_a_model_without_batch_norm_needs_no_further_pass() -> None:
    seen = []
    model = fixed(without_batch_norm)
    model.register_forward_hook(lambda module, given, out: seen.append(module.training))
    averaging(4, model=model).fit()
    assert seen.count(True) == EPOCHS * 7


def test_frozen_batch_norms_keep_their_statistics() -> None:
    model = fixed(tiny)
    for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_mean.fill_(0.25)
    start = weights(model.backbone)
    state = averaging(2, model=model, first=[Freeze(monitor=Monitor("loss"))]).fit()
    assert state.eval_model is not state.model
    for name, value in state.eval_model.backbone.state_dict().items():
        assert torch.equal(value, start[name]), name
    assert not torch.equal(state.eval_model.heads["age"].weight, state.model.heads["age"].weight)


class Counting(nn.Module):
    """Has a buffer that changes in training, and is no batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += self.training
        return x


def test_other_buffers_are_those_of_the_trained_model() -> None:
    model = fixed(without_batch_norm)
    model.backbone.append(Counting())
    state = averaging(3, model=model).fit()
    assert state.eval_model.backbone[-1].seen == state.model.backbone[-1].seen == EPOCHS * 7


class Draws(Callback):
    """Takes numbers from the global generator after each step."""

    def on_step_end(self, state: TrainState) -> None:
        torch.rand(state.step)


def test_statistics_behind_dropout_depend_on_seed_and_epoch_only() -> None:
    def make() -> Classifier:
        layers = (nn.Conv2d(3, 4, 3, stride=4), nn.Dropout(0.5), nn.BatchNorm2d(4), nn.Flatten())
        return Classifier(nn.Sequential(*layers), 64, TASK.heads)

    plain, drawing = averaging(2, model=fixed(make)), averaging(2, model=fixed(make), first=[Draws()])
    assert_same_bits(plain.fit(), drawing.fit())


@pytest.mark.parametrize("step", [3, 8, 9, 12, 14, 16])  # 4 an epoch; the last two are averaged
def test_a_resumed_run_ends_with_the_same_bits(step: int, tmp_path: Path) -> None:
    def fresh(*callbacks: Callback) -> Trainer:
        return averaging(2, *callbacks, model=fixed(tiny, dropout=0.3))

    straight = fresh()
    straight.fit()
    assert straight.state.step == 16
    assert_same_bits(resumed_after(step, fresh, tmp_path).state, straight.state)

"""Sharpness-aware minimisation against a plain loop, and what it must leave alone."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dataset.augmentation.train_augmentation import TrainAugmentation
from tests.train.rig import (
    CPU,
    SIZE,
    assert_same_bits,
    fixed,
    resumed_after,
    tiny,
    trainer,
    weights,
    without_batch_norm,
)  # fmt: skip
from train.augmented import augmented
from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.sam import SAM
from train.state import TrainState
from train.trainer import Trainer
from utils.device import Precision
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import seed_global

STEPS = 3
SGD = Component.of("SGD", lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.01)
ADAMW = Component.of("AdamW", lr=0.01, weight_decay=0.1)


def groups(model: nn.Module) -> list[dict[str, Any]]:
    """Return matrices and kernels, which are decayed, and vectors, which are not."""
    return [
        {"params": [p for p in model.parameters() if p.ndim > 1]},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]


def gradients(found: Trainer, model: nn.Module, first: int, count: int) -> Tensor:
    """Put the gradient of the mean loss of ``count`` batches into ``model``; return the losses."""
    model.zero_grad()
    losses = []
    for batch in list(found.batches.epoch(0))[first : first + count]:
        seed_global("step", 5, 0, batch.number)
        (images,), targets = augmented(batch, found.augmenter, torch.device("cpu"))
        losses.append(found.passes.criterion(model(images), targets))
    torch.stack(losses).mean().backward()
    return torch.stack(losses).detach()


def climbs(model: nn.Module, rho: float, adaptive: bool) -> Iterator[Tensor]:
    """Yield e of each parameter, from all weights in one long vector."""
    w = torch.cat([p.detach().flatten() for p in model.parameters()])
    g = torch.cat([p.grad.flatten() for p in model.parameters()])
    t = w.abs() + 0.01 if adaptive else torch.ones_like(w)
    e = rho * t.square() * g / (t * g).norm()
    sizes = [p.numel() for p in model.parameters()]
    for part, p in zip(e.split(sizes), model.parameters(), strict=True):
        yield part.view_as(p)


def plain_sam(
    found: Trainer,
    make: Callable[..., torch.optim.Optimizer],
    rho: float,
    adaptive: bool,
    accumulate: int,
    clip: float | None,
) -> tuple[nn.Module, float]:
    """Return the model after three steps from the trainer's start, and its mean loss."""
    model = copy.deepcopy(found.state.model).train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    optimizer, losses = make(groups(model)), []
    for step in range(STEPS):
        losses.append(gradients(found, model, step * accumulate, accumulate))
        before = [p.detach().clone() for p in model.parameters()]
        statistics = [(norm.running_mean.clone(), norm.running_var.clone()) for norm in norms]
        with torch.no_grad():
            for p, e in zip(model.parameters(), list(climbs(model, rho, adaptive)), strict=True):
                p += e
        gradients(found, model, step * accumulate, accumulate)
        with torch.no_grad():
            for p, old in zip(model.parameters(), before, strict=True):
                p.copy_(old)
        for norm, (mean, var) in zip(norms, statistics, strict=True):
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    return model, float(torch.cat(losses).mean())


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(("accumulate", "clip"), [(1, None), (2, None), (2, 0.3)])
@pytest.mark.parametrize(
    ("chosen", "make"),
    [
        (SGD, lambda given: torch.optim.SGD(given, lr=0.1, momentum=0.9, weight_decay=0.01)),
        (ADAMW, lambda given: torch.optim.AdamW(given, lr=0.01, weight_decay=0.1)),
    ],
    ids=["SGD", "AdamW"],
)
def test_three_steps_are_those_of_a_plain_loop(
    chosen: Component, make: Any, accumulate: int, clip: float | None, adaptive: bool
) -> None:
    rho = 1.0 if adaptive else 0.3
    found = trainer(
        fixed(tiny, dropout=0.3), rows=4 * STEPS * accumulate, accumulate=accumulate, clip=clip,
        chain=[TrainAugmentation(size=SIZE)], optimizer=chosen,
        callbacks=[SAM(precision=CPU, rho=rho, adaptive=adaptive)],
    )  # fmt: skip
    expected, loss = plain_sam(found, make, rho, adaptive, accumulate, clip)
    start = weights(found.state.model)
    state = found.fit()
    assert state.step == STEPS
    for name, value in expected.named_parameters():
        torch.testing.assert_close(state.model.get_parameter(name), value, rtol=1e-4, atol=1e-4)
        assert not torch.equal(value, start[name])
    for name, value in expected.named_buffers():
        if "num_batches" not in name:
            torch.testing.assert_close(state.model.get_buffer(name), value, rtol=1e-4, atol=1e-5)
    assert state.history[0]["train_loss"] == pytest.approx(loss, rel=1e-4)


class Before(Callback):
    """Keeps a copy of everything that stands in the model before SAM climbs."""

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}
        self.gradient: list[Tensor] = []

    def on_gradients(self, state: TrainState, again: Callable[[], object]) -> None:
        self.kept = weights(state.model)
        self.gradient = [p.grad.clone() for p in state.model.parameters()]


class After(Callback):
    """Compares it with what stands there when SAM is done."""

    def __init__(self, before: Before) -> None:
        self.before, self.steps = before, 0

    def on_gradients(self, state: TrainState, again: Callable[[], object]) -> None:
        assert all(torch.equal(v, self.before.kept[k]) for k, v in state.model.state_dict().items())
        after = [p.grad for p in state.model.parameters()]
        assert not all(map(torch.equal, after, self.before.gradient))
        self.steps += 1


def test_it_comes_back_to_the_same_bits_with_another_gradient() -> None:
    before = Before()
    after = After(before)
    sam = SAM(precision=CPU, rho=0.7)
    trainer(fixed(tiny, dropout=0.2), callbacks=[before, sam, after], adam=True).fit()
    assert after.steps == 6


def test_batch_norm_counts_one_batch_a_step() -> None:
    state = trainer(fixed(tiny), callbacks=[SAM(precision=CPU)]).fit()
    assert state.model.backbone[1].num_batches_tracked == state.step == 6


class Flat(nn.Module):
    """A loss with a gradient of 0 everywhere."""

    def forward(self, logits: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
        return torch.stack([0 * values.sum() for values in logits.values()]).sum()


@pytest.mark.parametrize("adaptive", [False, True])
def test_where_the_loss_is_flat_nothing_moves(adaptive: bool) -> None:
    sam = SAM(precision=CPU, adaptive=adaptive)
    found = trainer(fixed(), criterion=Flat(), callbacks=[sam])
    start = weights(found.state.model)
    state = found.fit()
    assert all(torch.equal(value, start[name]) for name, value in state.model.state_dict().items())


def test_frozen_weights_are_not_climbed() -> None:
    model = fixed(without_batch_norm)
    model.backbone.requires_grad_(False)
    kept = weights(model.backbone)
    state = trainer(model, callbacks=[SAM(precision=CPU, rho=0.5)]).fit()
    assert all(torch.equal(value, kept[name]) for name, value in state.model.backbone.state_dict().items())


@pytest.mark.parametrize("step", [1, 4, 7])
def test_a_resumed_run_ends_with_the_same_bits(step: int, tmp_path: Path) -> None:
    def fresh(*callbacks: Callback) -> Trainer:
        return trainer(
            fixed(tiny, dropout=0.3), epochs=2, accumulate=2, rows=28, clip=1.0, lr=0.02, adam=True,
            chain=[TrainAugmentation(size=SIZE)], callbacks=[SAM(precision=CPU, rho=0.2), *callbacks],
        )  # fmt: skip

    straight = fresh()
    straight.fit()
    assert_same_bits(resumed_after(step, fresh, tmp_path).state, straight.state)


def test_float16_is_refused_with_what_to_write_instead() -> None:
    half = Precision(torch.device("cpu"), torch.float16)
    with pytest.raises(ConfigError, match=r"float16 .*precision = bfloat16"):
        CALLBACKS.build(Component.of("SAM"), precision=half)
    brain = Precision(torch.device("cpu"), torch.bfloat16)
    assert isinstance(CALLBACKS.build(Component.of("SAM", adaptive=True), precision=brain), SAM)

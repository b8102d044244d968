"""Every optimiser against its library, the groups that it gets, and its state in a checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import timm.optim
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.base import MODELS
from schedulers.base import SCHEDULERS
from tests.train.optimizers.chosen import chosen
from train import checkpoint
from train.optimizers.base import OPTIMIZERS, Rates, parameter_groups
from train.state import TrainState
from utils.errors import ConfigError
from utils.registry import Component

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS.names())


class LionByHand(Optimizer):
    """Algorithm 2 of the paper, as it is printed there."""

    def __init__(self, groups: Any, lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                m = self.state[p].get("m", torch.zeros_like(p))
                update = (0.9 * m + 0.1 * p.grad).sign()
                p -= group["lr"] * (update + group["weight_decay"] * p)
                self.state[p]["m"] = 0.99 * m + 0.01 * p.grad


LIBRARY: dict[str, tuple[Any, dict[str, Any]]] = {
    "SGD": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "Adam": (torch.optim.Adam, {}),
    "AdamW": (torch.optim.AdamW, {}),
    "NAdam": (torch.optim.NAdam, {"decoupled_weight_decay": True}),
    "AdamP": (timm.optim.AdamP, {}),
    "TimmOptimizer": (LionByHand, {}),
}


def build(name: str, model: nn.Module, **options: object) -> Optimizer:
    return OPTIMIZERS.build(chosen(name, **options), groups=parameter_groups(model))


def net() -> nn.Module:
    """Convolutions in channels-last memory, batch norms, biases and a linear head."""
    torch.manual_seed(3)
    model = MODELS.build(Component.of("TinyNet", width=4), heads={"a": 3}, image_size=(16, 16))
    return model.to(memory_format=torch.channels_last)


def step(model: nn.Module, optimizer: Optimizer, number: int) -> None:
    """One step whose gradient is a function of the weights and of the step's number."""
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(number))
    optimizer.zero_grad()
    model(images)["a"].log_softmax(dim=1)[:, number % 3].mean().neg().backward()
    optimizer.step()


@every_optimizer
def test_one_step_lowers_a_quadratic(name: str) -> None:
    layer = nn.Linear(4, 3)
    optimizer = build(name, layer, lr=1e-3)

    def quadratic() -> Tensor:
        return sum((p.square().sum() for p in layer.parameters()), start=torch.zeros(()))

    before = quadratic()
    before.backward()
    optimizer.step()
    assert quadratic() < before


def test_norms_and_biases_are_not_decayed_and_no_parameter_is_lost_or_doubled() -> None:
    model = net()
    decayed, plain = parameter_groups(model)
    names = {id(p): name for name, p in model.named_parameters()}
    assert sorted(names[id(p)] for p in decayed["params"] + plain["params"]) == sorted(names.values())
    assert "weight_decay" not in decayed
    assert plain["weight_decay"] == 0
    norms = {f"backbone.{i}.{kind}" for i in (1, 4, 7, 10) for kind in ("weight", "bias")}
    assert {names[id(p)] for p in plain["params"]} == norms | {"heads.a.bias"}


# Trap "optimizer created before unfreezing must own the frozen parameters".
def test_frozen_parameters_are_in_a_group_too() -> None:
    model = net()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert sum(len(group["params"]) for group in parameter_groups(model)) == len(list(model.parameters()))


def test_a_model_without_vectors_has_one_group() -> None:
    assert len(parameter_groups(nn.Linear(2, 2, bias=False))) == 1


@every_optimizer
def test_weight_decay_of_the_config_shrinks_weights_and_leaves_biases(name: str) -> None:
    layer = nn.Linear(3, 2)
    nn.init.ones_(layer.weight)
    nn.init.ones_(layer.bias)
    optimizer = build(name, layer, lr=0.1, weight_decay=0.5)
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert (layer.weight < 1).all()
    assert torch.equal(layer.bias, torch.ones(2))


# Trap "AdamP: the adamp package and timm's copy" must not differ.
@every_optimizer
def test_an_optimizer_is_its_librarys_own_over_5_steps(name: str) -> None:
    ours, theirs = net(), net()
    make, options = LIBRARY[name]
    decay = 0.03
    optimizers = (
        build(name, ours, lr=0.01, weight_decay=decay),
        make(parameter_groups(theirs), lr=0.01, weight_decay=decay, **options),
    )
    start = {key: value.clone() for key, value in ours.state_dict().items()}
    for number in range(5):
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            step(model, optimizer, number)
    for key, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter, theirs.get_parameter(key), rtol=1e-3, atol=1e-5)
        assert not torch.equal(parameter, start[key])


# torch's fused SGD takes a momentum of every weight in a group or of none.
@every_optimizer
def test_weights_that_melt_late_move_as_the_librarys_own(name: str) -> None:
    ours, theirs = net(), net()
    make, options = LIBRARY[name]
    optimizers = (
        build(name, ours, lr=0.01, weight_decay=0.03),
        make(parameter_groups(theirs), lr=0.01, weight_decay=0.03, **options),
    )
    start = {key: value.clone() for key, value in ours.state_dict().items()}
    for number in range(5):
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            model.backbone.requires_grad_(number >= 2)
            step(model, optimizer, number)
        moved = not torch.equal(ours.backbone[0].weight, start["backbone.0.weight"])
        assert moved == (number >= 2)
    for key, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter, theirs.get_parameter(key), rtol=1e-3, atol=1e-5)


# Trap "checkpoints without scheduler/scaler/EMA/RNG are not resumable".
@every_optimizer
def test_state_survives_a_checkpoint_bit_for_bit(name: str, tmp_path: Path) -> None:
    def fresh() -> TrainState:
        model = net()
        optimizer = build(name, model, lr=0.01)
        scheduler = SCHEDULERS.build(Component.of("Constant"), optimizer=optimizer, steps_per_epoch=1)
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        return TrainState(model, optimizer, scheduler, scaler, eval_model=model, loss_sum=torch.zeros(()))

    straight, first, second = fresh(), fresh(), fresh()
    for number in range(6):
        step(straight.model, straight.optimizer, number)
    for number in range(3):
        step(first.model, first.optimizer, number)
    checkpoint.save(tmp_path, "last", 3, first.state_dict())
    saved = checkpoint.load(tmp_path, "last")
    assert saved is not None
    second.load_state_dict(saved)
    for parameter, values in second.optimizer.state.items():
        for value in values.values():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                assert value.stride() == parameter.stride()
    for number in range(3, 6):
        step(second.model, second.optimizer, number)
    expected = straight.model.state_dict()
    for key, value in second.model.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_options_that_an_optimizer_does_not_have_are_refused() -> None:
    with pytest.raises(ConfigError, match="weight_decay"):
        build("AdamW", nn.Linear(2, 2), weight_decai=0.1)
    with pytest.raises(ConfigError, match="above 0"):
        build("AdamW", nn.Linear(2, 2), lr=0)


def _along_rows(gradient: Tensor, weight: Tensor) -> Tensor:
    """Return a gradient without its part along each row of the weight, as a norm behind it makes it."""
    rows, moves = weight.flatten(1), gradient.flatten(1)
    share = (rows * moves).sum(1, keepdim=True) / rows.square().sum(1, keepdim=True)
    return (moves - share * rows).view_as(weight)


def _along_whole(gradient: Tensor, weight: Tensor) -> Tensor:
    """Return a gradient without its part along the weight as a whole, but with parts along its rows."""
    gradient = gradient + weight * torch.linspace(-9, 9, len(weight)).view(-1, *[1] * (weight.ndim - 1))
    return gradient - weight * (gradient * weight).sum() / weight.square().sum()


def _as_it_is(gradient: Tensor, weight: Tensor) -> Tensor:
    return gradient + 3 * weight


@pytest.mark.parametrize("made", [_along_rows, _along_whole, _as_it_is])
@pytest.mark.parametrize("rates", [Rates(), Rates(layer_decay=0.8, head_rate=3.0)])
def test_adamp_makes_the_same_steps_for_all_weights_at_once(made: Any, rates: Rates) -> None:
    """The way of a GPU against the package's, weight by weight; one layer melts later than the others."""
    models = [net(), net()]
    package, together = (
        OPTIMIZERS.build(
            Component.of("AdamP", lr=0.01, weight_decay=0.1), groups=parameter_groups(model, rates)
        )
        for model in models
    )
    generator = torch.Generator().manual_seed(1)

    for number in range(12):
        for place, pair in enumerate(zip(*(model.parameters() for model in models), strict=True)):
            noise = torch.randn(pair[0].shape, generator=generator)
            weight = pair[0].detach()
            gradient = made(noise, weight) if weight.ndim > 1 else noise
            for same in pair:
                frozen = place == 0 and number < 4
                same.grad = None if frozen else gradient.clone(memory_format=torch.preserve_format)
        package.step()
        together.step_together()  # type: ignore[attr-defined]

        for expected, weight in zip(*(model.parameters() for model in models), strict=True):
            torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)

"""Every schedule against torch's own, as a pure function of the step."""

import warnings

import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer, lr_scheduler

from schedulers.base import SCHEDULERS, Scheduler
from utils.errors import ConfigError
from utils.registry import Component

EPOCHS = 6
every_scheduler = pytest.mark.parametrize("name", SCHEDULERS.names())


def sgd(*rates: float) -> Optimizer:
    return SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates or (0.1,)])


def build(
    name: str, optimizer: Optimizer, *, steps: int = 1, epochs: int = EPOCHS, **options: object
) -> Scheduler:
    component = Component.of(name, **options)
    return SCHEDULERS.build(component, optimizer=optimizer, steps_per_epoch=steps, epochs=epochs)


def rates(name: str, *, steps: int = 1, epochs: int = EPOCHS, **options: object) -> list[float]:
    """The rate of every step of a run."""
    optimizer = sgd()
    scheduler = build(name, optimizer, steps=steps, epochs=epochs, **options)
    found = []
    for step in range(steps * epochs):
        scheduler.set_rates(step)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def torchs(make: type, epochs: int = EPOCHS, **options: object) -> list[float]:
    """The rate of every epoch of torch's scheduler."""
    optimizer = sgd()
    scheduler = make(optimizer, **options)
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@every_scheduler
@pytest.mark.parametrize("steps", [1, 7])
def test_rates_are_finite_and_not_negative_and_the_first_is_above_0(name: str, steps: int) -> None:
    found = rates(name, steps=steps)
    assert all(0 <= rate <= 0.1 + 1e-12 for rate in found)
    assert found[0] > 0


@every_scheduler
def test_a_rate_depends_on_the_step_alone(name: str) -> None:
    straight = rates(name, steps=5)
    optimizer = sgd()
    scheduler = build(name, optimizer, steps=5)
    for step in (29, 0, 17, 17, 3, 28):
        scheduler.set_rates(step)
        assert optimizer.param_groups[0]["lr"] == straight[step]
    # As after a resume: the optimiser's groups hold a lowered rate, and the initial one beside it.
    again = build(name, optimizer, steps=5)
    again.set_rates(11)
    assert optimizer.param_groups[0]["lr"] == straight[11]


@every_scheduler
def test_parameter_groups_keep_their_ratio(name: str) -> None:
    optimizer = sgd(0.1, 0.01)
    scheduler = build(name, optimizer, steps=4)
    for step in range(4 * EPOCHS):
        scheduler.set_rates(step)
        high, low = (group["lr"] for group in optimizer.param_groups)
        assert high == pytest.approx(10 * low)


# Trap "stepping an epoch scheduler per batch".
@every_scheduler
def test_durations_are_in_epochs_whatever_the_batch_size(name: str) -> None:
    few, many = rates(name, steps=3), rates(name, steps=12)
    assert many[::4] == pytest.approx(few)


def test_constant_is_constant() -> None:
    assert rates("Constant", steps=3) == [0.1] * 3 * EPOCHS


@pytest.mark.parametrize(("step_size", "gamma"), [(1, 0.9), (2, 0.5), (4, 0.1)])
def test_step_lr_is_torchs(step_size: int, gamma: float) -> None:
    expected = torchs(lr_scheduler.StepLR, step_size=step_size, gamma=gamma)
    assert rates("StepLR", step_size=step_size, gamma=gamma) == pytest.approx(expected)


def test_step_lr_holds_its_rate_within_an_epoch() -> None:
    assert rates("StepLR", steps=3, epochs=2, step_size=1) == pytest.approx([0.1] * 3 + [0.05] * 3)


@pytest.mark.parametrize("eta_min", [0.0, 0.02])
def test_cosine_annealing_is_torchs(eta_min: float) -> None:
    expected = torchs(lr_scheduler.CosineAnnealingLR, T_max=EPOCHS, eta_min=eta_min)
    assert rates("CosineAnnealing", eta_min=eta_min) == pytest.approx(expected)


def test_cosine_annealing_of_every_step_is_torchs_with_that_many_steps() -> None:
    expected = torchs(lr_scheduler.CosineAnnealingLR, epochs=5 * EPOCHS, T_max=5 * EPOCHS, eta_min=0.001)
    assert rates("CosineAnnealing", steps=5, eta_min=0.001) == pytest.approx(expected)


def test_cosine_annealing_after_the_end_stays_at_its_lowest() -> None:
    optimizer = sgd()
    build("CosineAnnealing", optimizer, eta_min=0.01).set_rates(2 * EPOCHS)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_warm_up_rises_from_above_0_to_the_base_rate_and_then_falls() -> None:
    found = rates("CosineAnnealing", steps=4, warmup=1.5)
    rise = found[:7]
    assert found[0] > 0
    assert rise == sorted(set(rise))
    assert rise == pytest.approx([0.1 * (step + 1) / 7 for step in range(7)])
    assert found[6] == max(found) == pytest.approx(0.1)
    assert found[6:] == sorted(found[6:], reverse=True)


@pytest.mark.parametrize("warmup", [6, 9])
def test_a_warm_up_as_long_as_the_run_is_refused(warmup: int) -> None:
    with pytest.raises(ConfigError, match="warmup"):
        build("CosineAnnealing", sgd(), warmup=warmup)


# Trap "T_0 vs epochs": the restarts are where torch puts them, also within an epoch.
@pytest.mark.parametrize(("first", "factor"), [(1, 1), (2, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("steps", [1, 4])
def test_warm_restarts_are_torchs_at_fractions_of_an_epoch_too(first: int, factor: int, steps: int) -> None:
    optimizer = sgd()
    theirs = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, first, factor, eta_min=0.003)
    expected = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own about step(epoch) and its order
        for step in range(steps * 9):
            theirs.step(step / steps)
            expected.append(optimizer.param_groups[0]["lr"])
    found = rates(
        "CosineAnnealingWarmRestarts", steps=steps, epochs=9, T_0=first, T_mult=factor, eta_min=0.003
    )
    assert found == pytest.approx(expected)
    assert found.count(pytest.approx(0.1)) >= 2  # it did restart


def test_the_ini_spells_t_0_in_any_letter_case() -> None:
    assert rates("CosineAnnealingWarmRestarts", t_0=2) == rates("CosineAnnealingWarmRestarts", T_0=2)
    assert rates("CosineAnnealingWarmRestarts", t_0=2) != rates("CosineAnnealingWarmRestarts", T_0=3)

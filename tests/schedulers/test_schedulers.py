"""Every schedule against torch's or timm's own, as a pure function of the step and of the scores."""

import itertools
import math
import random
import warnings

import pytest
import torch
from timm.scheduler import CosineLRScheduler
from torch import nn
from torch.optim import SGD, Optimizer, lr_scheduler

from schedulers.base import SCHEDULERS, Scheduler, ScoreHistory
from train.monitor import Monitor
from utils.errors import ConfigError
from utils.registry import Component

EPOCHS = 6
every_scheduler = pytest.mark.parametrize("name", SCHEDULERS.names())
# Rates that are given as such, not as a share of the base rate.
ABSOLUTE = {"CosineLR": {"lr_min": 0, "warmup_lr_init": 0}}


def sgd(*rates: float) -> Optimizer:
    return SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates or (0.1,)])


def build(
    name: str,
    optimizer: Optimizer,
    *,
    steps: int = 1,
    epochs: int = EPOCHS,
    monitor: str = "macro_f1",
    **options: object,
) -> Scheduler:
    component = Component.of(name, **options)
    offered = {"optimizer": optimizer, "steps_per_epoch": steps, "epochs": epochs}
    return SCHEDULERS.build(component, **offered, score_of=Monitor(monitor).value)


def finished(epochs: int) -> ScoreHistory:
    """Scores that never get better."""
    return [{"macro_f1": 0.5 - 0.01 * epoch, "loss": 1.0} for epoch in range(epochs)]


def rate_at(scheduler: Scheduler, step: int) -> float:
    """The rate of a step, with the epochs finished that must be then."""
    scheduler.set_rates(step / scheduler.steps_per_epoch, finished(step // scheduler.steps_per_epoch))
    return scheduler.optimizer.param_groups[0]["lr"]


def rates(name: str, *, steps: int = 1, epochs: int = EPOCHS, **options: object) -> list[float]:
    """The rate of every step of a run."""
    scheduler = build(name, sgd(), steps=steps, epochs=epochs, **options)
    return [rate_at(scheduler, step) for step in range(steps * epochs)]


def torchs(make: type, epochs: int = EPOCHS, **options: object) -> list[float]:
    """The rate of every epoch of torch's scheduler."""
    optimizer = sgd()
    scheduler = make(optimizer, **options)
    found = []
    for epoch in range(epochs):
        if epoch:
            optimizer.step()
            scheduler.step()
        found.append(optimizer.param_groups[0]["lr"])
    return found


@every_scheduler
@pytest.mark.parametrize("steps", [1, 7])
def test_rates_are_finite_and_not_negative_and_the_first_is_above_0(name: str, steps: int) -> None:
    found = rates(name, steps=steps)
    assert all(0 <= rate <= 0.1 + 1e-12 for rate in found)
    assert found[0] > 0


@every_scheduler
def test_a_rate_depends_on_the_step_and_the_scores_alone(name: str) -> None:
    options = {"patience": 1} if name == "ReduceOnPlateau" else {}
    straight = rates(name, steps=5, **options)
    optimizer = sgd()
    scheduler = build(name, optimizer, steps=5, **options)
    for step in (29, 0, 17, 17, 3, 28):
        assert rate_at(scheduler, step) == straight[step]
    # As after a resume: the optimiser's groups hold a lowered rate, and the initial one beside it.
    assert rate_at(build(name, optimizer, steps=5, **options), 11) == straight[11]


@every_scheduler
def test_parameter_groups_keep_their_ratio(name: str) -> None:
    optimizer = sgd(0.1, 0.01)
    scheduler = build(name, optimizer, steps=4, warmup=1.5, **ABSOLUTE.get(name, {}))
    for step in range(4 * EPOCHS):
        scheduler.set_rates(step / 4, finished(step // 4))
        high, low = (group["lr"] for group in optimizer.param_groups)
        assert high == pytest.approx(10 * low)


# Trap "stepping an epoch scheduler per batch".
@every_scheduler
def test_durations_are_in_epochs_whatever_the_batch_size(name: str) -> None:
    if name == "OneCycle":  # its lowest rate is that of the last step, as torch's: see its own test
        return
    few, many = rates(name, steps=3), rates(name, steps=12)
    assert many[::4] == pytest.approx(few)


@every_scheduler
@pytest.mark.parametrize("warmup", [1, 2.5])
def test_a_warm_up_rises_evenly_from_above_0_to_the_schedules_first_rate(name: str, warmup: float) -> None:
    length = int(4 * warmup)  # steps
    rise = rates(name, steps=4, warmup=warmup)[: length + 1]
    assert rise[0] > 0
    assert rise == pytest.approx([rise[-1] * (step + 1) / (length + 1) for step in range(length + 1)])


@every_scheduler
def test_after_the_warm_up_a_schedule_runs_as_if_it_began_there(name: str) -> None:
    late = rates(name, steps=4, warmup=2, epochs=EPOCHS + 2)
    assert late[8:] == pytest.approx(rates(name, steps=4))


@every_scheduler
def test_a_warm_up_of_0_changes_nothing(name: str) -> None:
    assert rates(name, steps=4, warmup=0) == rates(name, steps=4)


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
    assert rate_at(build("CosineAnnealing", sgd(), eta_min=0.01), 2 * EPOCHS) == pytest.approx(0.01)


@pytest.mark.parametrize(("warmup", "eta_min"), [(0.0, 0.0), (0.0, 1e-3), (1.0, 0.0), (1.7, 3e-5)])
def test_cosine_annealing_has_the_bits_that_published_runs_were_trained_with(
    warmup: float, eta_min: float
) -> None:
    steps, base = 7, 0.1

    def expected(epoch: float) -> float:
        if epoch < warmup:
            return base * (epoch + 1 / steps) / (warmup + 1 / steps)
        done = min(1.0, (epoch - warmup) / (EPOCHS - warmup))
        return eta_min + (base - eta_min) * (1 + math.cos(math.pi * done)) / 2

    found = rates("CosineAnnealing", steps=steps, warmup=warmup, eta_min=eta_min)
    assert found == [expected(step / steps) for step in range(steps * EPOCHS)]


def test_warm_up_rises_from_above_0_to_the_base_rate_and_then_falls() -> None:
    found = rates("CosineAnnealing", steps=4, warmup=1.5)
    rise = found[:7]
    assert found[0] > 0
    assert rise == sorted(set(rise))
    assert rise == pytest.approx([0.1 * (step + 1) / 7 for step in range(7)])
    assert found[6] == max(found) == pytest.approx(0.1)
    assert found[6:] == sorted(found[6:], reverse=True)


@pytest.mark.parametrize("name", ["CosineAnnealing", "OneCycle"])
@pytest.mark.parametrize("warmup", [6, 9])
def test_a_warm_up_as_long_as_the_run_is_refused(name: str, warmup: int) -> None:
    with pytest.raises(ConfigError, match="warmup"):
        build(name, sgd(), warmup=warmup)


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


@pytest.mark.parametrize("gamma", [0.95, 0.5, 1.0])
def test_exponential_is_torchs_at_the_start_of_each_epoch_and_falls_evenly_within(gamma: float) -> None:
    found = rates("Exponential", steps=4, gamma=gamma)
    assert found[::4] == pytest.approx(torchs(lr_scheduler.ExponentialLR, gamma=gamma))
    assert [after / before for before, after in itertools.pairwise(found)] == pytest.approx(
        [gamma**0.25] * (len(found) - 1)
    )


@pytest.mark.parametrize(("epochs", "steps"), [(6, 1), (3, 10), (30, 7)])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.3, 0.9, 1.0])
@pytest.mark.parametrize(("low", "lower"), [(25.0, 1e4), (2.0, 10.0)])
def test_one_cycle_is_torchs_at_every_step(
    epochs: int, steps: int, share: float, low: float, lower: float
) -> None:
    options = {"pct_start": share, "div_factor": low, "final_div_factor": lower}
    found = rates("OneCycle", steps=steps, epochs=epochs, **options)
    total = steps * epochs
    theirs = {"max_lr": 0.1, "total_steps": total, "cycle_momentum": False} | options
    assert found == pytest.approx(torchs(lr_scheduler.OneCycleLR, total, **theirs), rel=1e-6)
    assert found[-1] == pytest.approx(0.1 / low / lower if share < 1 else 0.1)


def test_one_cycle_peaks_at_its_share_of_the_run_whatever_the_batch_size() -> None:
    for steps in (3, 12, 48):
        found = rates("OneCycle", steps=steps, pct_start=0.5)
        assert (found.index(max(found)) + 1) / steps == EPOCHS / 2


def test_one_cycle_survives_steps_after_its_end() -> None:
    for share in (0.3, 1):
        scheduler = build("OneCycle", sgd(), steps=3, pct_start=share)
        assert rate_at(scheduler, 5 * 3 * EPOCHS) == pytest.approx(0.1 / 25e4)


def timms(epochs: int, **options: float) -> list[float]:
    """The rate of every epoch of timm's schedule."""
    optimizer = sgd()
    scheduler = CosineLRScheduler(optimizer, **options)
    found = []
    for epoch in range(epochs):
        scheduler.step(epoch)
        found.append(optimizer.param_groups[0]["lr"])
    return found


SEED_3 = {
    "t_initial": 10,
    "cycle_mul": 1.2,
    "cycle_decay": 0.5,
    "cycle_limit": 10,
    "lr_min": 1e-5,
    "warmup_t": 3,
    "warmup_lr_init": 1e-5,
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"cycle_mul": 1.0},
        {"cycle_mul": 2.0, "cycle_limit": 3},
        {"cycle_limit": 1, "cycle_decay": 1.0},
        {"warmup_t": 0, "lr_min": 0.0},
        {"warmup_t": 5, "warmup_lr_init": 0.0, "t_initial": 4, "cycle_mul": 1.5},
        {"t_initial": 7, "cycle_mul": 1.1, "cycle_decay": 0.9, "lr_min": 0.02},
    ],
)
def test_cosine_lr_is_timms_at_every_epoch(changed: dict[str, float]) -> None:
    options = SEED_3 | changed
    expected = timms(150, **options)
    assert rates("CosineLR", epochs=150, **options) == pytest.approx(expected)
    assert rates("CosineLR", epochs=150, steps=3, **options)[::3] == pytest.approx(expected)


def test_cosine_lr_without_options_is_that_of_seed_3() -> None:
    assert rates("CosineLR", epochs=200) == pytest.approx(timms(200, **SEED_3))


def test_cosine_lr_moves_at_every_step() -> None:
    found = rates("CosineLR", epochs=9, steps=4)
    assert found[:12] == sorted(set(found[:12]))
    assert found[12:] == sorted(set(found[12:]), reverse=True)


def test_cycles_of_cosine_lr_do_not_become_shorter() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        build("CosineLR", sgd(), cycle_mul=0.5)


# Trap "ReduceLROnPlateau needs the metric and its direction".
@pytest.mark.parametrize(("monitor", "mode"), [("macro_f1", "max"), ("loss", "min")])
@pytest.mark.parametrize(("patience", "factor", "threshold"), [(0, 0.5, 0), (2, 0.1, 1e-4), (3, 0.5, 0.2)])
def test_reduce_on_plateau_is_torchs_on_any_scores(
    monitor: str, mode: str, patience: int, factor: float, threshold: float
) -> None:
    options = {"patience": patience, "factor": factor, "threshold": threshold}
    for seed in range(30):
        drawn = random.Random(seed)
        scores = [round(drawn.uniform(0.1, 1), 2) for _ in range(25)]
        history = [{monitor: score, "seconds": drawn.random()} for score in scores]
        theirs, optimizer = sgd(), sgd()
        reference = lr_scheduler.ReduceLROnPlateau(theirs, mode, **options, eps=0)
        scheduler = build("ReduceOnPlateau", optimizer, steps=2, monitor=monitor, **options)
        for epoch in range(25):
            for step in (2 * epoch, 2 * epoch + 1):
                scheduler.set_rates(step / 2, history[:epoch])
                assert optimizer.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"])
            reference.step(scores[epoch])


def test_reduce_on_plateau_halves_the_rate_after_eleven_epochs_without_a_better_one() -> None:
    found = rates("ReduceOnPlateau", epochs=24)  # the first of them is the best
    assert found == pytest.approx([0.1] * 12 + [0.05] * 11 + [0.025])


def test_scores_of_the_warm_up_are_no_plateau() -> None:
    found = rates("ReduceOnPlateau", epochs=9, steps=2, patience=1, warmup=2.5)
    assert found[6:] == pytest.approx([0.1] * 6 + [0.05] * 4 + [0.025] * 2)

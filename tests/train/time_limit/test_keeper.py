"""A run on a clock of its own: slower machines end in time as well, and it repeats without the clock."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dataset.augmentation.train_augmentation import TrainAugmentation
from tests.train.rig import assert_same_bits, fixed, resumed_after, tiny, trainer
from train.callbacks.base import Callback
from train.callbacks.ema import EMA
from train.callbacks.swa import SWA
from train.monitor import Monitor
from train.state import TrainState
from train.time_limit.keeper import LEAD, Costs, Deadline, TimeKeeper, blank_plan, follow
from train.trainer import Trainer
from utils.pace import Plan
from utils.run_turns import turns

STEP, VALIDATION, END, IMAGE = 1.0, 2.0, 3.0, 0.1  # seconds
COSTS = Costs(IMAGE, VALIDATION, END)
EPOCHS = 8
Slowness = Callable[[float], float]


class Machine(Callback):
    """Lets time pass; ``slowness`` says how much, as a function of the time."""

    def __init__(self, slowness: Slowness) -> None:
        self.slowness, self.now = slowness, 0.0

    def passes(self, seconds: float) -> None:
        self.now += seconds * self.slowness(self.now)

    def on_step_end(self, state: TrainState) -> None:
        self.passes(STEP)


def keeper(
    plan: Plan, limit: float, machine: Machine, accumulate: int, costs: Costs, *others: Callback
) -> tuple[TimeKeeper, Plan]:
    """Return a keeper that leaves 1.5 % of its limit, and the plan as it writes it down."""
    kept = Plan.blank(1, 1, 1)
    made = TimeKeeper(
        plan,
        costs,
        Deadline(0.985 * limit, lambda: machine.now),
        accumulate=accumulate,
        monitor=Monitor("loss"),
        others=others,
        keep=lambda now: kept.load(now.values()),
        resumed=False,
    )
    return made, kept


def simulated(
    limit: float,
    slowness: Slowness,
    *others: Callback,
    epochs: int = EPOCHS,
    accumulate: int = 1,
    costs: Costs = COSTS,
    sizes: Sequence[int] = (1,),
    wait: Callable[[int], float] = lambda step: 0.0,
) -> tuple[Machine, Plan, Any, list[float]]:
    """Return a machine at the end of a run that trains nothing, its plan, its state, and each step's time.

    Args:
        wait: seconds for which a step waits until other runs let it have its turn.
    """
    machine, plan = Machine(slowness), blank_plan(epochs, accumulate)
    keeping, kept = keeper(plan, limit, machine, accumulate, costs, *others)
    keeping.sizes = sizes
    state: Any = SimpleNamespace(epoch=0, batch=0, step=0, history=[], predictions=None)
    times = []
    while state.epoch < epochs and plan.count(state.epoch):
        keeping.on_epoch_start(state)
        while state.batch < plan.count(state.epoch):
            times.append(plan.time(state.epoch, state.batch))
            state.batch, state.step = state.batch + accumulate, state.step + 1
            machine.now += wait(state.step)
            turns.waited += wait(state.step)
            machine.passes(STEP * sizes[int(times[-1] / epochs * len(sizes))])
            keeping.on_step_end(state)
        validated = plan.validates(state.epoch)
        state.epoch, state.batch = state.epoch + 1, 0
        if validated:
            machine.passes(VALIDATION)
            state.history.append({"epoch": state.epoch, "loss": 1.0})
            keeping.on_epoch_end(state)
    keeping.on_fit_end(state)
    machine.passes(END)
    return machine, kept, state, times


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("epochs", [1, 8, 30])
def test_on_a_steady_machine_the_time_is_used_and_the_schedule_comes_to_its_end(
    epochs: int, accumulate: int
) -> None:
    machine, plan, state, times = simulated(200, lambda now: 1.0, epochs=epochs, accumulate=accumulate)
    assert 190 <= machine.now <= 200
    assert state.epoch == epochs
    assert state.step == LEAD + sum(plan.batches) // accumulate
    assert times == sorted(times)
    assert times[-1] > 0.98 * epochs
    assert sum(plan.validated) * VALIDATION <= 0.25 * 200
    assert plan.validated[-1]


@pytest.mark.parametrize("when", [0, 2, 40, 100])
def test_a_machine_three_times_slower_still_ends_in_time_with_its_schedule(when: float) -> None:
    machine, _, state, times = simulated(200, lambda now: 3.0 if now >= when else 1.0)
    assert 0.9 * 200 <= machine.now <= 200
    assert state.epoch == EPOCHS
    assert times[-1] > 0.9 * EPOCHS


def test_larger_images_in_the_second_half_are_no_slower_machine() -> None:
    slow_to_validate = Costs(IMAGE, 10 * VALIDATION, END)  # once, at the end
    machine, _, state, times = simulated(100, lambda now: 1.0, sizes=(1, 3), costs=slow_to_validate, epochs=4)
    assert 60 <= machine.now <= 100 - 10 * VALIDATION + VALIDATION
    assert state.epoch == 4
    assert times[-1] > 0.9 * 4


def test_waiting_for_other_runs_after_the_first_steps_is_no_slower_machine() -> None:
    end = 40.0
    machine, _, state, times = simulated(
        200, lambda now: 1.0, costs=Costs(IMAGE, VALIDATION, end), wait=lambda step: 8.0 * (step % 4 == 1)
    )
    assert 130 <= machine.now <= 200 - end + END
    assert state.epoch == EPOCHS
    assert times[-1] > 0.9 * EPOCHS


def test_a_machine_that_gets_faster_trains_longer() -> None:
    machine, _, state, times = simulated(200, lambda now: 0.4 if now >= 60 else 1.0)
    assert 190 <= machine.now <= 200
    assert state.step > 300
    assert times[-1] > 0.98 * EPOCHS


def test_a_machine_that_all_but_stops_ends_the_run_within_its_schedule_validated() -> None:
    machine, plan, state, _ = simulated(200, lambda now: 8.0 if now >= 120 else 1.0)
    assert machine.now <= 200
    assert 0 < state.epoch < EPOCHS
    assert state.history[-1]["epoch"] == state.epoch
    assert plan.count(state.epoch) == 0


def test_a_short_stop_does_not_end_a_run() -> None:
    machine, _, state, times = simulated(200, lambda now: 20.0 if 60 <= now <= 62 else 1.0)
    assert 180 <= machine.now <= 200
    assert state.epoch == EPOCHS
    assert times[-1] > 0.9 * EPOCHS


def test_validations_that_take_longer_than_guessed_get_fewer() -> None:
    guess = Costs(IMAGE, 0.05 * VALIDATION, END)
    machine, plan, _, _ = simulated(100, lambda now: 1.0, costs=guess)
    assert machine.now <= 100
    assert sum(plan.validated) == EPOCHS  # 16 s of 100
    machine, plan, _, _ = simulated(40, lambda now: 1.0, costs=guess)
    assert machine.now <= 40
    assert 1 < sum(plan.validated) < EPOCHS


@given(st.lists(st.floats(0.5, 3), min_size=1, max_size=5), st.integers(60, 150))
def test_a_machine_whose_speed_wanders_still_ends_in_time(speeds: list[float], limit: int) -> None:
    def slowness(now: float) -> float:
        return speeds[min(len(speeds) - 1, int(now / (0.6 * limit) * len(speeds)))]

    machine, *_ = simulated(limit, slowness)
    assert machine.now <= limit


def made(epochs: int, accumulate: int, *callbacks: Callback) -> Trainer:
    return trainer(
        fixed(tiny, dropout=0.2),
        epochs=epochs,
        accumulate=accumulate,
        adam=True,
        chain=[TrainAugmentation(size=(16, 16))],
        callbacks=callbacks,
    )


def repeated(plan: Plan, accumulate: int, *callbacks: Callback) -> Trainer:
    """Return a run that follows a plan."""
    found = made(len(plan.validated), accumulate, *callbacks)
    follow(found, plan)
    return found


def timed(limit: float, slowness: Slowness, *others: Callback, accumulate: int) -> tuple[Trainer, Plan]:
    """Return a trainer that was kept to a limit, at its end, and the plan as it was written down."""
    machine, found = Machine(slowness), repeated(blank_plan(EPOCHS, accumulate), accumulate)
    assert found.state.plan is not None
    keeping, kept = keeper(found.state.plan, limit, machine, accumulate, COSTS, *others)
    found.callbacks = [machine, keeping, *others]
    run = found.validator.run

    def validate(model: nn.Module) -> Any:
        machine.passes(VALIDATION)
        return run(model)

    found.validator.run = validate  # type: ignore[method-assign]
    found.fit()
    return found, kept


@pytest.mark.parametrize(("factor", "accumulate"), [(1.0, 1), (3.0, 3), (8.0, 2), (0.5, 1)])
def test_the_same_run_without_the_clock_gives_the_same_bits_killed_or_not(
    factor: float, accumulate: int, tmp_path: Path
) -> None:
    found, plan = timed(45, lambda now: factor if now >= 20 else 1.0, EMA(decay=0.9), accumulate=accumulate)
    again = repeated(plan, accumulate, EMA(decay=0.9))
    assert_same_bits(again.fit(), found.state)
    for step in (2, found.state.step // 2):
        resumed = resumed_after(
            step, lambda *more: repeated(plan, accumulate, EMA(decay=0.9), *more), tmp_path / str(step)
        )
        assert_same_bits(resumed.state, found.state)


def averages(found: Trainer) -> SWA:
    return SWA(
        batches=found.batches,
        augmenter=found.augmenter,
        precision=found.passes.precision,
        epochs=EPOCHS,
        last=2,
    )


def test_averages_of_the_last_epochs_repeat_too() -> None:
    plan = Plan(lead=2, parts=2, batches=[4, 2] + [3, 1] * (EPOCHS - 1), validated=[True, False] * 4)
    plan.validated[-1] = True
    runs = []
    for _ in range(2):
        found = repeated(plan, 1)
        found.callbacks = [averages(found)]
        runs.append(found.fit())
    assert_same_bits(*runs)
    assert runs[0].eval_model is not runs[0].model
    assert [entry["epoch"] for entry in runs[0].history] == [1, 3, 5, 7, 8]


def test_images_that_a_callback_will_look_at_are_allowed_for() -> None:
    class Last(Callback):
        """Announces a long look at the very end, which nothing before it foretells."""

        def extra_images(self, epoch: int, *, validated: bool) -> int:
            return 300 if epoch == EPOCHS - 1 else 0

    machine, *_ = simulated(200, lambda now: 1.0, Last())
    assert 140 <= machine.now <= 200 - 300 * IMAGE
    found = repeated(Plan(lead=2, parts=1, batches=[4] * EPOCHS, validated=[True] * EPOCHS), 1)
    assert averages(found).extra_images(EPOCHS - 1, validated=False) == 4 * 4
    assert averages(found).extra_images(0, validated=True) == 0

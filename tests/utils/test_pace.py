"""Epochs of any length: counts, time, and what a plan may change."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.pace import Pace, Plan


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan that was changed at some of its parts, as a run would, with at least a step in each epoch."""
    epochs, parts, size = (draw(st.integers(1, most)) for most in (6, 8, 3))
    plan = Plan.blank(epochs, parts, lead=draw(st.integers(1, 5)))
    plan.deal(0, draw(st.integers(epochs, 60)), size)
    for epoch in range(epochs):
        batch = 0
        while batch < plan.count(epoch):
            batch += 1
            part = plan.part_from(epoch, batch)
            if part is not None and part < epochs * parts and draw(st.booleans()):
                plan.deal(part, draw(st.integers(epochs - part // parts, 60)), size)
    return plan


@given(plans())
def test_time_rises_with_every_batch_and_an_epoch_ends_where_the_next_begins(plan: Plan) -> None:
    for epoch in range(len(plan.validated)):
        count = plan.count(epoch)
        times = [plan.time(epoch, batch) for batch in range(count + 1)]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (epoch, epoch + 1)
        assert plan.before(epoch + 1) == plan.before(epoch) + count
        lead = 0 if epoch else plan.lead
        assert set(times[: lead + 1]) == {float(epoch)}
        assert all(before < after for before, after in pairwise(times[lead:]))


@given(plans(), st.integers(0, 60))
def test_a_change_moves_nothing_that_is_trained(plan: Plan, steps: int) -> None:
    before = Plan.blank(1, 1, 1)
    before.load(plan.values())
    epochs = len(plan.validated)
    places = [(epoch, batch) for epoch in range(epochs) for batch in range(1, plan.count(epoch) + 1)]
    for number, (epoch, batch) in enumerate(places):
        part = before.part_from(epoch, batch)
        if part is None or part == len(before.batches):
            continue
        changed = Plan.blank(1, 1, 1)
        changed.load(before.values())
        changed.deal(part, steps, 1)
        for done in places[:number]:
            assert changed.time(*done) == before.time(*done)
        assert changed.before(epoch) == before.before(epoch)
        assert sum(changed.batches[part:]) == steps


@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 200), st.integers(1, 4))
def test_steps_are_dealt_evenly_and_each_epoch_has_its_share(
    epochs: int, parts: int, more: int, size: int
) -> None:
    plan = Plan.blank(epochs, parts, lead=0)
    steps = epochs + more
    plan.deal(0, steps, size)
    assert sum(plan.batches) == steps * size
    assert max(plan.batches) - min(plan.batches) <= size
    counts = [plan.count(epoch) for epoch in range(epochs)]
    assert min(counts) >= size * (steps // epochs) > 0
    assert all(batches % size == 0 for batches in plan.batches)


def test_parts_last_equally_long_whatever_their_batches() -> None:
    plan = Plan(lead=3, parts=2, batches=[4, 2, 10, 1], validated=[True, True])
    assert [plan.count(epoch) for epoch in range(3)] == [9, 11, 0]
    assert [plan.before(epoch) for epoch in range(3)] == [0, 9, 20]
    assert [plan.time(0, batch) for batch in range(10)] == [0, 0, 0, 0, 0.125, 0.25, 0.375, 0.5, 0.75, 1]
    assert plan.time(1, 5) == 1.25
    assert [plan.part_from(0, batch) for batch in (2, 3, 4, 7, 9)] == [None, 0, None, 1, 2]
    assert plan.part_from(1, 11) == 4


def test_an_empty_part_belongs_to_the_one_before_it() -> None:
    plan = Plan(lead=1, parts=4, batches=[1, 0, 0, 1, 0, 1, 0, 0], validated=[True, True])
    assert plan.part_from(0, 2) == 3
    assert [plan.time(0, batch) for batch in (1, 2)] == [0, 0.75]
    assert plan.part_from(0, 3) == 5


def test_only_a_moving_plan_leaves_open_how_long_an_epoch_gets() -> None:
    plan = Plan.blank(2, 3, lead=4)
    assert plan.count(0) == 4
    assert plan.most(0) > 10**6
    plan.moving = False
    assert plan.most(0) == 4
    assert Pace(7).most(3) == Pace(7).count(3) == 7


@pytest.mark.parametrize("epoch", [0, 3])
def test_an_even_pace_is_a_pass_an_epoch(epoch: int) -> None:
    pace = Pace(8)
    assert pace.before(epoch) == 8 * epoch
    assert pace.time(epoch, 2) == epoch + 0.25
    assert pace.validates(epoch)

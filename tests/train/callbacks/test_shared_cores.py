"""What a run does about others on the same cores: turns, and a line."""

import logging
import math
from types import SimpleNamespace

import pytest
import torch

from tests.train.rig import trainer
from train.callbacks import shared_cores
from train.callbacks.base import Callback
from train.callbacks.shared_cores import SharedCores
from train.callbacks.time_split import TimeSplit
from utils.run_turns import RunTurns
from utils.shared_cores import CoreWatch


@pytest.fixture(autouse=True)
def two_threads(tmp_path, monkeypatch):
    """Turns with others of this test alone, and as many threads as there are cores."""
    monkeypatch.setattr(shared_cores, "turns", RunTurns(tmp_path))
    monkeypatch.setattr(shared_cores, "cores", lambda: 2)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


class Other(Callback):
    """Another run: whether it could have had the turn, at each moment of this one."""

    def __init__(self, folder):
        self.turns, self.moments = RunTurns(folder), []

    def look(self, moment):
        free = self.turns.taken_at_once()
        self.turns.give()
        self.moments.append((moment, free))

    def on_gradients(self, state, again):
        self.look("step")

    def on_epoch_end(self, state):
        self.look("validated")


def run_beside(folder, epochs=2, **changed):
    run, other = trainer(epochs=epochs), Other(folder)
    run.callbacks = [other, SharedCores(batches=run.batches, validator=run.validator)]
    vars(run).update(changed)
    return run, other


@pytest.mark.parametrize("short", [True, False])
def test_the_turn_is_this_runs_in_each_step_and_in_ends_of_epochs_that_were_short(
    tmp_path, monkeypatch, short
):
    monkeypatch.setattr(shared_cores, "_LONG", 100.0 if short else 0.0)
    monkeypatch.setattr("utils.run_turns._LASTS", 100.0)
    run, other = run_beside(tmp_path)
    run.fit()
    steps = [("step", False)] * len(run.batches)
    assert other.moments == [*steps, ("validated", True), *steps, ("validated", not short)]
    assert other.turns.taken_at_once()


def test_the_turn_is_given_before_a_long_validation_also_after_epochs_without_one(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(shared_cores.time, "monotonic", lambda: now[0])
    monkeypatch.setattr("utils.run_turns._LASTS", 10**6)
    run, other = run_beside(tmp_path, epochs=6)
    run.validator.due = lambda epoch: epoch % 2 == 1

    def validated(state):
        other.look("validated")
        now[0] += 30.0

    other.on_epoch_end = validated
    run.fit()
    assert [free for moment, free in other.moments if moment == "validated"] == [True] * 3


def test_a_turn_that_is_over_is_given_between_two_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.run_turns._LASTS", 0.0)
    run, _ = run_beside(tmp_path, epochs=1)
    given = []
    give = shared_cores.turns.give
    monkeypatch.setattr(shared_cores.turns, "give", lambda: given.append(give()))
    run.fit()
    assert len(given) == len(run.batches) + 2


@pytest.mark.parametrize("moment", ["on_step_end", "on_epoch_end", "on_epoch_kept", "on_fit_end"])
def test_it_is_given_after_an_error_too(tmp_path, monkeypatch, moment):
    def stop(state):
        raise KeyboardInterrupt

    monkeypatch.setattr(shared_cores, "_LONG", math.inf)  # no end of an epoch gives it
    stops = Callback()
    setattr(stops, moment, stop)
    run, other = run_beside(tmp_path)
    run.callbacks = [stops, *run.callbacks]
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    assert other.turns.taken_at_once()


@pytest.mark.parametrize(("threads", "cores"), [(1, 1), (1, 2), (2, 4)])
def test_few_threads_wait_for_nobody(tmp_path, monkeypatch, threads, cores):
    torch.set_num_threads(threads)
    monkeypatch.setattr(shared_cores, "cores", lambda: cores)
    run, other = run_beside(tmp_path, epochs=1)
    run.fit()
    assert {free for _, free in other.moments} == {True}


def test_a_gpus_run_waits_for_nobody(tmp_path):
    validator = SimpleNamespace(due=lambda epoch: True)
    callback = SharedCores(batches=SimpleNamespace(count=lambda epoch: 5), validator=validator)
    state = SimpleNamespace(loss_sum=SimpleNamespace(device=torch.device("cuda")), epoch=0, batch=1)
    callback.on_fit_start(state)
    callback.on_epoch_start(state)
    assert RunTurns(tmp_path).taken_at_once()


def test_a_run_beside_another_says_so_once_counts_the_time_and_has_the_same_bits(
    tmp_path, caplog, monkeypatch
):
    alone = trainer(epochs=2).fit().model.state_dict()

    monkeypatch.setattr(shared_cores, "_LONG", 0.0)
    monkeypatch.setattr("utils.run_turns._LASTS", 100.0)
    turns, waits = shared_cores.turns, []
    monkeypatch.setattr(turns, "taken_at_once", lambda: False)
    take = turns.take
    monkeypatch.setattr(turns, "take", lambda: waits.append(1) or take())
    run, _ = run_beside(tmp_path)
    run.callbacks = [*run.callbacks, TimeSplit(batches=run.batches, augmenter=run.augmenter)]
    with caplog.at_level(logging.INFO, "podium"):
        beside = run.fit().model.state_dict()

    assert waits == [1, 1]
    lines = [record.getMessage() for record in caplog.records]
    (line,) = [line for line in lines if "Another run trains" in line]
    assert "OMP_NUM_THREADS=1" in line
    assert any("Of all the time: other runs " in line for line in lines), lines
    assert all(torch.equal(beside[name], alone[name]) for name in alone)


def test_a_turn_that_never_comes_keeps_no_run_from_training(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("utils.run_turns._PATIENCE", 0.05)
    stopped = RunTurns(tmp_path)
    assert stopped.take()
    run, _ = run_beside(tmp_path)
    with caplog.at_level(logging.WARNING, "podium"):
        run.fit()
    assert run.state.step == 2 * len(run.batches)
    assert not caplog.records


def test_a_run_says_once_that_its_threads_wait_for_a_core(tmp_path, caplog, monkeypatch):
    seconds = iter(range(0, 10**6, 20))

    def times():
        now = next(seconds) * 10**9
        return {"1": (now, now)}

    monkeypatch.setattr(shared_cores, "CoreWatch", lambda threads: CoreWatch(2, times, lambda: next(seconds)))
    run, _ = run_beside(tmp_path)
    with caplog.at_level(logging.WARNING, "podium"):
        run.fit()
    (record,) = [one for one in caplog.records if "cores are shared" in one.getMessage()]
    assert "OMP_NUM_THREADS=1" in record.getMessage()

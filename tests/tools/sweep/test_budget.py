"""Whether a run still fits into a sweep's time, by a clock that stands still."""

import pytest

from tools.sweep import budget, trial
from tools.sweep.budget import Budget, end_of_trials
from tools.sweep.trial import EndsInTime, OutOfTime


class Study:
    def __init__(self, longest):
        self._longest = longest

    def longest(self):
        return self._longest


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(budget, "since_start", lambda: now[0])
    monkeypatch.setattr(trial, "since_start", lambda: now[0])
    return now


def test_without_a_limit_there_is_always_room(clock):
    clock[0] = 1e9
    assert Budget().has_room(Study(1e9), repeats=True)


def test_a_trial_begins_only_if_it_and_the_repetitions_after_it_fit(clock):
    # 10 s at most so far, so 13.5 s are kept for each; 4 repetitions by 2 workers are two rounds.
    kept = Budget(end=100.0, repeats=4, workers=2)
    clock[0] = 100 - 3 * 13.5
    assert kept.has_room(Study(10.0), repeats=True)
    clock[0] += 0.01
    assert not kept.has_room(Study(10.0), repeats=True)
    assert kept.has_room(Study(10.0), repeats=False)
    clock[0] = 86.51
    assert not kept.has_room(Study(10.0), repeats=False)


def test_the_first_trials_begin_as_long_as_there_is_time(clock):
    assert Budget(end=100.0, repeats=4).has_room(Study(0.0), repeats=True)
    clock[0] = 100.0
    assert not Budget(end=100.0, repeats=4).has_room(Study(0.0), repeats=True)


def test_a_trial_with_a_limit_of_its_own_needs_that(clock):
    clock[0] = 41.0
    assert not Budget(end=100.0, run=60.0).has_room(Study(5.0), repeats=True)
    clock[0] = 40.0
    assert Budget(end=100.0, run=60.0).has_room(Study(5.0), repeats=True)


def test_time_is_kept_for_the_result_and_more_of_it_on_a_busy_machine():
    assert end_of_trials(100.0, 1.0, 1) == 100 - 2 - 2 - 2.5
    assert end_of_trials(100.0, 6.0, 1) == 100 - 2 - 2 - 15
    assert end_of_trials(100.0, 1.0, 2) == 100 - 2 - 2 - 4  # workers end first


def test_a_run_stops_before_what_took_longest_would_not_fit_again(clock):
    run = EndsInTime(100.0)
    run.on_fit_start(None)
    clock[0] = 1.0
    run.on_step_end(None)
    clock[0] = 31.0  # a validation of half a minute
    run.on_epoch_kept(None)
    for clock[0] in (50.0, 70.0):
        run.on_step_end(None)
    clock[0] = 70.01
    with pytest.raises(OutOfTime):
        run.on_step_end(None)

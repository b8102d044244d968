"""[train] time_limit over workers: each member gets its share, and all of it is complete in time."""

import itertools
import json
import math
import time
from types import SimpleNamespace

import pytest

from experiment import time_limit
from tests.tools.workers.three_folds import FOLDS, command_with_eight_cores, next_run, whole_command
from tests.waiting import wait_for
from tools.workers import members, worker
from tools.workers.members import Members
from tools.workers.record import MemberRecord
from tools.workers.worker import Worker, rounds_left
from utils.duration import Duration

IMAGES = 1000
SCORED = 1.0 + 2 * 5e-5 * IMAGES  # seconds that are kept for scoring all members together


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; time.time() is 1,000 more."""
    now = SimpleNamespace(seconds=0.0)
    for module in (time_limit, worker, members):
        monkeypatch.setattr(module, "since_start", lambda: now.seconds)
    monkeypatch.setattr(worker.time, "time", lambda: 1000 + now.seconds)
    return now


def worker_of(folder, names, workers, limit, deadline=None):
    settings = SimpleNamespace(train=SimpleNamespace(time_limit=Duration(limit)))
    dataset = SimpleNamespace(files=["a"] * IMAGES)
    group = SimpleNamespace(experiment=SimpleNamespace(settings=settings), data={0: (dataset, None)})

    class OfNames(Worker):
        @property
        def members(self):
            return [SimpleNamespace(name=name) for name in names]

    return OfNames(group, folder, workers, deadline)


def played(folder, clock, count, workers, limit):
    """Let workers train members that each take all of their time; return when each of them was over."""
    names = [f"fold-{number}" for number in range(count)]
    for name in names:
        (folder / name).mkdir(parents=True)
    one = worker_of(folder, names, workers, limit, deadline=1000 + limit)
    busy, over = {}, []
    while len(over) < count:
        for number in range(workers):
            free = [
                name
                for name in names
                if MemberRecord(folder / name).is_open and not MemberRecord(folder / name).worker
            ]
            if number not in busy and free:
                MemberRecord(folder / free[0]).take()
                busy[number] = (one._until(), free[0])
        clock.seconds, name, number = min((until, name, number) for number, (until, name) in busy.items())
        del busy[number]
        over.append(clock.seconds)
        (folder / name / "scores.json").write_text("{}")
        MemberRecord(folder / name).leave()
    return over


@pytest.mark.parametrize(("count", "workers"), list(itertools.product((1, 2, 3, 5, 15), (1, 2, 3, 4, 8))))
def test_members_that_use_all_their_time_are_over_before_the_limit(tmp_path, clock, count, workers):
    limit = 3600
    over = played(tmp_path, clock, count, workers, limit)
    assert max(over) <= limit - SCORED
    assert max(over) > 0.95 * limit  # and none of it is left
    starts = [0.0, *over]
    least = limit / math.ceil(count / workers) * 0.5
    assert min(over) - starts[0] >= least  # nobody gets next to nothing


def test_a_member_that_is_over_early_leaves_its_time_to_the_others(tmp_path, clock):
    names = ["fold-0", "fold-1"]
    for name in names:
        (tmp_path / name).mkdir()
    one = worker_of(tmp_path, names, 1, 1000)
    MemberRecord(tmp_path / "fold-0").take()
    assert one._until() == pytest.approx((1000 - SCORED) / 2)
    (tmp_path / "fold-0" / "scores.json").write_text("{}")
    clock.seconds = 10.0
    MemberRecord(tmp_path / "fold-1").take()
    assert one._until() == pytest.approx(1000 - SCORED)


def test_a_worker_that_starts_late_keeps_to_the_time_of_who_started_it(tmp_path, clock):
    (tmp_path / "fold-0").mkdir()
    late = worker_of(tmp_path, ["fold-0"], 4, 1000, deadline=1000 + 300)
    clock.seconds = 100.0  # of its own; it was started 700 seconds after the command
    assert late._until() == pytest.approx(300 - SCORED)


def test_rounds_are_what_is_free_among_the_workers(tmp_path):
    records = [MemberRecord(tmp_path / str(number)) for number in range(5)]
    for record in records:
        record.folder.mkdir()
    assert [rounds_left(records, workers) for workers in (1, 2, 3, 6)] == [6, 3, 2, 1]
    records[0].take()
    (records[1].folder / "scores.json").write_text("{}")
    assert rounds_left(records, 1) == 4


@pytest.mark.parametrize(("load", "ends"), [(0.5, 1.5), (8.0, 1.5), (40.0, 7.5)])
def test_workers_are_told_until_when_with_time_to_end_on_a_busy_machine(
    tmp_path, clock, monkeypatch, load, ends
):
    monkeypatch.setattr(members, "cores", lambda: 8)
    monkeypatch.setattr(members.os, "getloadavg", lambda: (load, 0.0, 0.0))
    settings = SimpleNamespace(
        train=SimpleNamespace(time_limit=Duration(500), epochs=1),
        paths=SimpleNamespace(data="d", cache="c"),
        images=SimpleNamespace(store="auto", store_budget="auto"),
        run=SimpleNamespace(device="cpu"),
    )
    clock.seconds = 20.0
    arguments = Members(tmp_path, ["fold-0"], settings, 0, 3).arguments()
    assert arguments[arguments.index("--share") + 1] == "3"
    assert float(arguments[arguments.index("--deadline") + 1]) == 1000 + 500 - ends


@pytest.mark.slow
@pytest.mark.alone
def test_three_folds_by_two_workers_are_complete_in_time(trained):
    run, limit = next_run(trained), 40.0
    began = time.monotonic()
    line = (*FOLDS, "--set", "train.epochs=50", "--set", f"train.time_limit={limit:g} s", "--workers", 2)
    foreman = whole_command(trained / "config.ini", *line)
    out, error = foreman.communicate(timeout=600)
    took = time.monotonic() - began
    assert foreman.returncode == 0, (out, error)
    assert 0.5 < took / limit <= 1.0
    assert json.loads((run / "scores.json").read_text())["scores"]
    assert len(list(run.glob("fold-*/plan.json"))) == 3


@pytest.mark.slow
def test_a_limit_that_is_too_short_for_a_member_is_said_by_the_command(trained):
    line = (*FOLDS, "--set", "train.epochs=50", "--set", "train.time_limit=1 s", "--workers", 2)
    with command_with_eight_cores(trained / "config.ini", *line) as process:
        _, error = process.communicate()
    assert process.returncode in (2, 4)
    assert "[train] time_limit" in error
    assert "Traceback" not in error
    assert wait_for(lambda: not list(trained.glob("runs/one/*/.worker-*.pid")))

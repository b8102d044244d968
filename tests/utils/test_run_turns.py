"""Turns of processes on the cores. Each object has locks of its own, as another process would."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.waiting import wait_for
from utils import run_turns
from utils.run_turns import RunTurns

ROOT = Path(__file__).parents[2]
OPEN_FILES = Path("/proc/self/fd")
HOLDER = """\
import sys, time
from pathlib import Path
from utils.run_turns import RunTurns
turns = RunTurns(Path(sys.argv[1]))
assert turns.take()
print("taken", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the turn."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "taken\n"
    yield process
    process.kill()
    process.communicate()


def test_one_at_a_time_has_it_until_it_gives_it(tmp_path):
    first, second = RunTurns(tmp_path), RunTurns(tmp_path)
    assert first.taken_at_once()
    assert not second.taken_at_once()
    first.give()
    assert second.taken_at_once()
    assert not first.taken_at_once()


def test_who_waits_gets_it_before_whoever_gives_it_and_asks_again(tmp_path):
    first, second, order = RunTurns(tmp_path), RunTurns(tmp_path), []

    def wait():
        assert second.take()
        order.append("second")
        second.give()

    assert first.take()
    thread = threading.Thread(target=wait)
    thread.start()
    wait_for(lambda: not _free(tmp_path, "1"))
    first.give()
    assert first.take()
    order.append("first")
    thread.join(10)
    assert order == ["second", "first"]


def test_all_who_wait_get_it_in_the_order_in_which_they_came(tmp_path):
    holder, order, threads = RunTurns(tmp_path), [], []
    assert holder.take()

    def wait(number):
        turns = RunTurns(tmp_path)
        assert turns.take()
        order.append(number)
        turns.give()

    for number in range(1, run_turns._PLACES + 1):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        wait_for(lambda place=number: not _free(tmp_path, place))

    holder.give()
    for thread in threads:
        thread.join(10)
    assert order == list(range(1, run_turns._PLACES + 1))


def test_a_queue_that_moves_is_waited_in_for_longer_than_one_that_stands_still(tmp_path, monkeypatch):
    monkeypatch.setattr(run_turns, "_PATIENCE", 0.5)
    came = []

    def train():
        turns = RunTurns(tmp_path)
        for _ in range(4):
            came.append(turns.taken_at_once() or turns.take())
            time.sleep(0.2)  # four others: 0.8 s until it is one's turn again
            turns.give()

    threads = [threading.Thread(target=train) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert came == [True] * 20


def _free(folder, which):
    (path,) = folder.glob(f"*.{which}")
    handle = run_turns._open(path)
    try:
        return run_turns._locked(handle, 0.0)
    finally:
        os.close(handle)


def test_it_is_over_after_its_time_and_where_there_is_none(tmp_path, monkeypatch):
    turns, now = RunTurns(tmp_path), [100.0]
    monkeypatch.setattr(run_turns.time, "monotonic", lambda: now[0])
    assert turns.over
    turns.take()
    assert not turns.over
    now[0] += run_turns._LASTS + 0.001
    assert turns.over
    turns.take()
    turns.give()
    assert turns.over


def test_a_killed_process_has_no_turn(tmp_path, holder):
    turns = RunTurns(tmp_path)
    assert not turns.taken_at_once()
    holder.kill()
    holder.wait()
    assert turns.taken_at_once()


def test_one_that_was_stopped_is_waited_for_once_until_it_goes_on(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(run_turns, "_PATIENCE", 0.2)
    os.kill(holder.pid, signal.SIGSTOP)
    turns = RunTurns(tmp_path)

    began = time.monotonic()
    assert not turns.take()
    assert time.monotonic() - began >= 0.2
    assert turns.over
    turns.give()

    began = time.monotonic()
    assert not turns.take()
    assert time.monotonic() - began < 0.2

    holder.kill()
    holder.wait()
    assert turns.take()
    other = RunTurns(tmp_path)
    began = time.monotonic()
    assert not other.take()
    assert time.monotonic() - began >= 0.2, "it waits again after a turn that came"


def test_one_that_went_on_is_waited_for_again_after_some_time(tmp_path, monkeypatch):
    monkeypatch.setattr(run_turns, "_PATIENCE", 0.05)
    monkeypatch.setattr(run_turns, "_RESTS", 0.3)
    other, turns = RunTurns(tmp_path), RunTurns(tmp_path)
    assert other.take()
    assert not turns.take()
    assert not turns.take()

    time.sleep(0.3)
    monkeypatch.setattr(run_turns, "_PATIENCE", 5.0)
    threading.Timer(0.1, other.give).start()
    assert turns.take()


def test_a_signal_ends_the_waiting(tmp_path, monkeypatch):
    other, turns = RunTurns(tmp_path), RunTurns(tmp_path)
    assert other.take()
    signs = iter(["", "", "SIGTERM"])
    monkeypatch.setattr(run_turns.signals, "received", lambda: next(signs))
    began = time.monotonic()
    assert not turns.take()
    assert time.monotonic() - began < run_turns._PATIENCE
    assert _free(tmp_path, "1")


def test_runs_on_other_cores_are_not_waited_for(tmp_path, monkeypatch):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no cores of one's own here")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    first = RunTurns(tmp_path)
    assert first.take()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 300})
    assert RunTurns(tmp_path).taken_at_once()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 0})
    assert not RunTurns(tmp_path).taken_at_once()


@pytest.mark.parametrize("missing", [True, False])
def test_where_there_can_be_no_locks_nobody_waits(tmp_path, monkeypatch, missing):
    folder = tmp_path / "missing" if missing else tmp_path
    if not missing:

        def refuse(*_):
            raise OSError(37, "No locks available")

        monkeypatch.setattr(run_turns.fcntl, "flock", refuse)
    turns = RunTurns(folder)
    assert turns.taken_at_once()
    assert turns.take()
    assert turns.over
    turns.give()


def test_its_files_are_for_other_users_too_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        assert RunTurns(tmp_path).take()
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in sorted(tmp_path.iterdir())] == [0o644] * (
        run_turns._PLACES + 1
    )


def test_a_link_that_somebody_laid_there_is_not_followed(tmp_path):
    RunTurns(tmp_path).take()
    for path in list(tmp_path.iterdir()):
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
    assert RunTurns(tmp_path).take()
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_that_somebody_laid_there_is_not_waited_for(tmp_path):
    RunTurns(tmp_path).take()
    for path in list(tmp_path.iterdir()):
        path.unlink()
        os.mkfifo(path)
    script = (
        "import sys; from pathlib import Path; from utils.run_turns import RunTurns\n"
        "assert RunTurns(Path(sys.argv[1])).take()"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=True, timeout=30)


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="nobody counts the open files here")
def test_files_that_can_not_all_be_opened_leave_none_open(tmp_path):
    RunTurns(tmp_path).take()
    (path,) = tmp_path.glob("*.turn")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    turns, before = RunTurns(tmp_path), len(list(OPEN_FILES.iterdir()))
    assert turns.taken_at_once()
    assert turns.take()
    assert len(list(OPEN_FILES.iterdir())) == before


def test_files_that_were_removed_are_left_for_those_that_others_find(tmp_path):
    turns = RunTurns(tmp_path)
    assert turns.take()
    turns.give()
    for path in tmp_path.iterdir():
        path.unlink()
    later = RunTurns(tmp_path)
    assert later.take()
    assert not turns.taken_at_once()
    later.give()
    assert turns.taken_at_once()

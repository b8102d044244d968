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
    third = RunTurns(tmp_path)
    wait_for(lambda: not _free(third, tmp_path, "next"))
    first.give()
    assert first.take()
    order.append("first")
    thread.join(10)
    assert order == ["second", "first"]


def _free(turns, folder, which):
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
    assert [path.stat().st_mode & 0o777 for path in sorted(tmp_path.iterdir())] == [0o644, 0o644]


def test_a_link_that_somebody_laid_there_is_not_followed(tmp_path):
    RunTurns(tmp_path).take()
    for path in list(tmp_path.iterdir()):
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
    assert RunTurns(tmp_path).take()
    assert not (tmp_path / "elsewhere").exists()

"""Threads that wait briefly, and a run that says that it has to share its cores."""

import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from utils.shared_cores import SETTINGS, CoreWatch, busy_share, thread_times, wait_briefly

ROOT = Path(__file__).resolve().parents[2]
NAMES = (*SETTINGS, "OMP_WAIT_POLICY")


@pytest.fixture
def unset(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(name, "0")  # so that it is as before afterwards
        monkeypatch.delenv(name)
    return monkeypatch


def test_threads_wait_briefly_beside_others_where_nobody_said_otherwise(unset):
    wait_briefly(lambda: 0.9)
    assert {name: os.environ.get(name) for name in SETTINGS} == SETTINGS


def test_on_cores_of_its_own_a_run_is_left_alone(unset):
    wait_briefly(lambda: 0.1)
    assert [name for name in NAMES if name in os.environ] == []


def test_cores_that_another_process_uses_are_busy():
    core = min(os.sched_getaffinity(0))
    spinning = subprocess.Popen(
        [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"]
    )
    mine = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, [core])
        time.sleep(0.3)
        assert busy_share(0.3) > 0.6
    finally:
        os.sched_setaffinity(0, mine)
        spinning.kill()
        spinning.wait()


def test_where_nobody_counts_nothing_is_busy(monkeypatch, tmp_path):
    monkeypatch.setattr("utils.shared_cores._CORES", tmp_path / "stat")
    assert busy_share(0.0) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_what_the_user_has_set_stays_alone(name, unset):
    unset.setenv(name, "77")
    wait_briefly(lambda: 0.9)
    assert {key: os.environ[key] for key in NAMES if key in os.environ} == {name: "77"}


def test_it_is_set_before_anything_imports_torch():
    """run.py as the main module, stopped when it has its first lines behind it."""
    program = """
import os, runpy, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "numpy"):
            print(name, os.environ.get("GOMP_SPINCOUNT"))
            os._exit(0)
sys.meta_path.insert(0, Watch())
import utils.shared_cores
utils.shared_cores.busy_share = lambda: 1.0
sys.argv = ["run.py", "--mode", "list"]
runpy.run_path("run.py", run_name="__main__")
"""
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() in (
        ["torch", SETTINGS["GOMP_SPINCOUNT"]],
        ["numpy", SETTINGS["GOMP_SPINCOUNT"]],
    )


def watch(threads, *seconds):
    """A watch whose threads have been (on a core, waiting for one) so many seconds at each look."""
    readings = iter([{"1": (int(on * 1e9), int(off * 1e9))} for on, off in ((0, 0), *seconds)])
    ticks = count(step=20.0)
    return CoreWatch(threads, lambda: next(readings), lambda: next(ticks))


def test_a_run_that_gets_half_of_two_cores_is_told_to_use_one_thread():
    sentence = watch(2, (20, 20)).look()
    assert "wait for one 50% of the time" in sentence
    assert "OMP_NUM_THREADS=1," in sentence


def test_the_number_of_threads_is_that_of_the_cores_that_it_got():
    assert "OMP_NUM_THREADS=6," in watch(16, (120, 200)).look()


def test_a_run_of_one_thread_is_told_no_number():
    sentence = watch(1, (10, 10)).look()
    assert "OMP_NUM_THREADS" not in sentence
    assert "run fewer things at once" in sentence


def test_it_says_so_once_and_only_where_much_is_waited():
    looks = watch(2, (40, 1), (60, 21), (60, 41))
    assert looks.look() is None
    assert looks.look() is not None
    assert looks.look() is None


def test_a_thread_that_came_or_went_counts_for_nothing():
    readings = iter([{"1": (0, 0), "2": (0, 9 * 10**9)}, {"1": (10**10, 0), "3": (0, 9 * 10**9)}])
    ticks = count(step=20.0)
    assert CoreWatch(2, lambda: next(readings), lambda: next(ticks)).look() is None


def test_where_no_scheduler_counts_nothing_is_said(monkeypatch):
    monkeypatch.setattr("utils.shared_cores._TASKS", Path("/there/is/none"))
    assert thread_times() == {}
    ticks = count(step=20.0)
    assert CoreWatch(2, thread_times, lambda: next(ticks)).look() is None


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="Linux counts it")
def test_this_process_has_been_on_a_core():
    assert sum(running for running, _ in thread_times().values()) > 0

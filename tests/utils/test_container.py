"""What a process may have in a container, from files of control groups as Linux shows them."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils import container
from utils.container import available_memory, core_limit
from utils.cores import cores, fit_threads

ROOT = Path(__file__).resolve().parents[2]
NO_LIMIT = 9223372036854771712  # of version 1


class Groups:
    """The folder of the control groups, and what the kernel says of the process's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def say(self, *lines: str) -> None:
        (self.folder / "cgroup").write_text("\n".join(lines) + "\n")

    def put(self, group: str, **files: object) -> None:
        for name, content in files.items():
            path = self.folder / "fs" / group / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(container, "_ROOT", tmp_path / "fs")
    core_limit.cache_clear()
    yield Groups(tmp_path)
    core_limit.cache_clear()


def test_without_groups_there_is_no_limit(groups):
    assert core_limit() == math.inf
    assert available_memory() > 10**6


@pytest.mark.parametrize(
    ("quota", "limit"), [("200000 100000", 2.0), ("50000 100000", 0.5), ("max 100000", math.inf)]
)
def test_the_time_of_a_container_of_version_2(groups, quota, limit):
    groups.say("0::/")
    groups.put("", cpu__max=quota)
    assert core_limit() == limit


@pytest.mark.parametrize("text", ["0 100000", "-1 100000", "100000 0", "100000", "", "a b", "\xff"])
def test_what_is_no_time_of_a_container_is_no_limit(groups, text):
    groups.say("0::/")
    groups.put("", cpu__max=text, cpu__cfs_quota_us=text.split(" ")[0], cpu__cfs_period_us=0)
    assert core_limit() == math.inf
    assert cores() >= 1


@pytest.mark.parametrize("text", ["MemAvailable: much kB", "MemTotal: 5 kB", "", "MemAvailable:"])
def test_a_machine_that_does_not_say_its_memory_as_linux_does_has_some(groups, text, monkeypatch):
    groups.say("no group at all")
    (groups.folder / "meminfo").write_text(text)
    monkeypatch.setattr(container, "_MEMORY", groups.folder / "meminfo")
    assert available_memory() > 10**6


@pytest.mark.parametrize(("quota", "limit"), [(250000, 2.5), (-1, math.inf)])
def test_the_time_of_a_container_of_version_1_whose_own_name_is_not_there(groups, quota, limit):
    groups.say("4:memory:/docker/9f3", "2:cpu,cpuacct:/docker/9f3", "1:name=systemd:/docker/9f3", "0::/")
    groups.put("cpu", cpu__cfs_quota_us=quota, cpu__cfs_period_us=100000)
    groups.put("memory", memory__limit_in_bytes=NO_LIMIT, memory__usage_in_bytes=5)
    assert core_limit() == limit
    assert available_memory() > 10**6


def test_the_smallest_limit_of_all_groups_around_is_the_one(groups):
    groups.say("0::/slurm/job_7/step_0")
    groups.put("slurm/job_7/step_0", cpu__max="max 100000", memory__max="max", memory__current=100)
    groups.put("slurm/job_7", cpu__max="400000 100000", memory__max=1000, memory__current=300)
    groups.put("slurm", cpu__max="800000 100000", memory__max=5000, memory__current=300)
    groups.put("slurm/job_8", cpu__max="100000 100000", memory__max=10, memory__current=5)  # another's
    assert core_limit() == 4.0
    assert available_memory() == 700


def test_copies_of_files_are_free_memory(groups):
    groups.say("0::/")
    stat = "anon 300\nfile 650\ninactive_file 500\nactive_file 100\nslab_reclaimable 7"
    groups.put("", memory__max=1000, memory__current=990, memory__stat=stat)
    assert available_memory() == 610


def test_copies_of_files_are_free_memory_in_version_1_with_those_of_groups_inside(groups):
    groups.say("4:memory:/a")
    stat = "inactive_file 1\nactive_file 1\ntotal_inactive_file 200\ntotal_active_file 50"
    groups.put("memory/a", memory__limit_in_bytes=1000, memory__usage_in_bytes=900, memory__stat=stat)
    assert available_memory() == 350


def test_a_full_container_has_none(groups):
    groups.say("0::/")
    groups.put("", memory__max=1000, memory__current=1200)
    assert available_memory() == 0


@pytest.mark.parametrize("line", ["", "nonsense", "0::/../../elsewhere", "0::/a:b", "2:cpu:/"])
def test_what_the_kernel_says_in_other_words_limits_nothing(groups, line):
    groups.say(line)
    groups.put("", cpu__max="nonsense", memory__max="1 2", memory__current="")
    assert core_limit() == math.inf
    assert available_memory() > 10**6


def test_where_nobody_counts_memory_half_of_what_is_built_in_is_free(groups, monkeypatch, tmp_path):
    monkeypatch.setattr(container, "_MEMORY", tmp_path / "meminfo")
    built_in = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert available_memory() == built_in // 2


@pytest.mark.parametrize(
    ("quota", "number"), [("150000 100000", 2), ("100000 100000", 1), ("1000 100000", 1)]
)
def test_cores_are_those_that_there_is_time_for(groups, monkeypatch, quota, number):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert cores() == 64
    core_limit.cache_clear()
    groups.say("0::/")
    groups.put("", cpu__max=quota)
    assert cores() == number


def test_threads_are_as_many_as_cores_where_a_container_limits_them_and_nobody_chose(groups, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    fit_threads()
    assert "OMP_NUM_THREADS" not in os.environ

    core_limit.cache_clear()
    groups.say("0::/")
    groups.put("", cpu__max="400000 100000")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    fit_threads()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    fit_threads()
    assert os.environ["OMP_NUM_THREADS"] == "4"


def test_run_py_fits_its_threads_before_anything_imports_torch():
    """run.py as the main module, stopped when it has its first lines behind it."""
    program = """
import os, runpy, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "numpy"):
            print(os.environ.get("OMP_NUM_THREADS"))
            os._exit(0)
sys.meta_path.insert(0, Watch())
import utils.cores
utils.cores.core_limit = lambda: 1.0
utils.cores._processors = lambda: 64
sys.argv = ["run.py", "--mode", "list"]
runpy.run_path("run.py", run_name="__main__")
"""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]

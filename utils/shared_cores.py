"""How the threads of a run wait for each other, and whether they get the cores that they ask for.

Imports nothing heavy: OpenMP reads its environment when torch is imported, and never again.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from utils.cores import fit_threads

# How long a thread that has nothing to do looks for work before it sleeps.
SETTINGS = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
_USERS = (*SETTINGS, "OMP_WAIT_POLICY")
_BUSY = 0.3  # of the cores: more than what a desktop does beside
_CORES, _TASKS = Path("/proc/stat"), Path("/proc/self/task")
_WINDOW = 15.0  # seconds that are looked at together
_MUCH = 0.2  # of the time in which a thread could compute: what it waits for a core

Times = dict[str, tuple[int, int]]  # of each thread: nanoseconds on a core, and ready but without one


def set_up_threads() -> None:
    """Say to OpenMP how many threads it has and how they wait, before torch is imported."""
    fit_threads()
    wait_briefly()


def wait_briefly(busy: Callable[[], float] | None = None) -> None:
    """Let OpenMP's threads sleep soon when there is nothing to do, where others use the cores too.

    Otherwise they look for work for milliseconds: two runs on the same cores, or a run beside a notebook,
    then take the cores from each other while they only wait. On cores of its own a run is up to a third
    slower for it, and so is left alone; and so is one whose user has said how threads wait. GNU's library
    counts rounds, Intel's and LLVM's milliseconds; each ignores the other's name. Child processes inherit
    it. No result depends on it. Measured with ``benchmarks.shared_cores``.

    Args:
        busy: the share of this process's cores that others use now.
    """
    if not any(name in os.environ for name in _USERS) and (busy or busy_share)() > _BUSY:
        os.environ.update(SETTINGS)


def busy_share(seconds: float = 0.1) -> float:
    """Return which share of this process's cores is in use while it sleeps; 0 where nobody says it."""
    before = _core_times()
    time.sleep(seconds)
    after = _core_times()
    idle, whole = (sum(after[core][kind] - before[core][kind] for core in before) for kind in (0, 1))
    return 1 - idle / whole if whole else 0.0


def _core_times() -> dict[str, tuple[int, int]]:
    """Return ticks of each of this process's cores as Linux counts them: idle, and all."""
    if not _CORES.exists():
        return {}
    mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    lines = [line.split() for line in _CORES.read_text(encoding="ascii").splitlines()]
    ticks = {words[0]: [int(word) for word in words[1:9]] for words in lines if words and words[0] in mine}
    return {core: (values[3] + values[4], sum(values)) for core, values in ticks.items()}  # idle, iowait


def thread_times() -> Times:
    """Return the times of this process's threads as Linux's scheduler counts them; {} where nobody does."""
    times: Times = {}
    with suppress(OSError):
        for task in _TASKS.iterdir():
            with suppress(OSError, ValueError):  # a thread that has just ended
                running, waiting, _ = map(int, (task / "schedstat").read_text(encoding="ascii").split())
                times[task.name] = running, waiting
    return times


class CoreWatch:
    """Tells once that others, or too many threads, keep this process from the cores.

    Args:
        threads: with which a model computes.
        times: what ``thread_times`` returns.
        clock: seconds since whenever.
    """

    def __init__(
        self,
        threads: int,
        times: Callable[[], Times] = thread_times,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threads, self._times, self._clock = threads, times, clock
        self._before, self._since = times(), clock()
        self._over = not self._before

    def look(self) -> str | None:
        """Return what to say, if a window is over in which threads waited much; asked after each step."""
        seconds = self._clock() - self._since
        if self._over or seconds < _WINDOW:
            return None

        times = self._times()
        shared = times.keys() & self._before.keys()
        running, waiting = (
            sum(times[task][kind] - self._before[task][kind] for task in shared) / 1e9 for kind in (0, 1)
        )
        self._before, self._since = times, self._clock()
        if waiting <= _MUCH * (running + waiting):
            return None

        self._over = True
        return self._sentence(waiting / (running + waiting), running / seconds)

    def _sentence(self, share: float, cores: float) -> str:
        """Return it in words.

        Args:
            share: of the time in which threads could compute: without a core.
            cores: that the process got, on average.
        """
        head = f"The cores are shared: this run's threads wait for one {share:.0%} of the time."
        fewer = min(self._threads - 1, max(1, round(cores)))
        if fewer < 1:
            return f"{head} It has one thread already: run fewer things at once."
        return (
            f"{head} Run fewer things at once, or start each with OMP_NUM_THREADS={fewer}, which rounds its "
            "sums otherwise."
        )

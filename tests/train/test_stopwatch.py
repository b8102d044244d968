"""Times of parts of the work, by a clock that the tests turn."""

import pytest
import torch

from train import stopwatch
from train.stopwatch import Stopwatch


class Clock:
    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", clock)
    return clock


def test_the_times_of_a_part_add_up_until_they_are_read(clock):
    watch = Stopwatch(torch.device("cpu"))
    for seconds in (1, 2):
        with watch.time("model"):
            clock.now += seconds
    with watch.time("optimiser"):
        clock.now += 5
    assert watch.read() == {"model": 3, "optimiser": 5}
    assert watch.read() == {}


def test_only_the_wait_for_an_item_counts_not_what_is_done_with_it(clock):
    def items():
        for number in range(3):
            clock.now += 1
            yield number

    watch, seen = Stopwatch(torch.device("cpu")), []
    for item in watch.waiting("data", items()):
        clock.now += 10
        seen.append(item)
    assert seen == [0, 1, 2]
    assert watch.read() == {"data": 3}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_is_the_work_that_counts_not_the_queueing():
    watch = Stopwatch(torch.device("cuda"))
    matrix = torch.rand(4096, 4096, device="cuda")
    torch.cuda.synchronize()
    with watch.time("queued", on_device=False), watch.time("model"):
        for _ in range(20):
            matrix = matrix @ matrix
    seconds = watch.read()
    assert seconds["model"] > 2 * seconds["queued"]


@pytest.mark.parametrize(("queueing", "computing", "waits"), [(2.0, 2.1, True), (0.5, 4.0, False)])
def test_a_gpu_that_waits_for_python_is_told_from_one_that_computes(
    monkeypatch, clock, queueing, computing, waits
):
    class Event:
        def __init__(self, **_):
            self.at = 0.0

        def record(self):
            self.at = clock.now

        def synchronize(self):
            pass

        def elapsed_time(self, other):
            return 1000 * (computing if other is not self else 0)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    watch = Stopwatch(torch.device("cuda"))
    with watch.time("model"):
        clock.now += queueing
    assert watch.read() == {"model": computing}
    assert watch.gpu_waits == waits


def test_a_cpu_never_waits_for_python(clock):
    watch = Stopwatch(torch.device("cpu"))
    with watch.time("model"):
        clock.now += 1
    watch.read()
    assert not watch.gpu_waits

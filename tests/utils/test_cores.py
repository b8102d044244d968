"""Turns on cores, and how many there are."""

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.waiting import wait_for
from utils.cores import CoreTurns, cores


def begun(do: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    return thread


def test_cores_are_those_that_the_process_may_use() -> None:
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_than_so_many_are_inside_at_once_and_all_get_in(most: int) -> None:
    turns, inside, highest, done = CoreTurns(most), [0], [0], []
    lock = threading.Lock()

    def work() -> None:
        for _ in range(20):
            with turns:
                with lock:
                    inside[0] += 1
                    highest[0] = max(highest[0], inside[0])
                time.sleep(0.0005)
                with lock:
                    inside[0] -= 1
        done.append(1)

    threads = [begun(work) for _ in range(6)]
    for thread in threads:
        thread.join(30)
    assert len(done) == 6
    assert highest == [most]


def test_who_waits_longest_is_next_also_before_one_that_was_just_inside() -> None:
    turns, order = CoreTurns(1), []

    def enter(name: str) -> None:
        with turns:
            order.append(name)

    with turns:
        threads = []
        for name in "abc":
            threads.append(begun(lambda name=name: enter(name)))
            wait_for(lambda: len(turns._waiting) == len(threads))
    enter("again")
    for thread in threads:
        thread.join(30)
    assert order == ["a", "b", "c", "again"]


def test_an_error_inside_gives_the_turn_back() -> None:
    turns = CoreTurns(1)
    with pytest.raises(ZeroDivisionError), turns:
        raise ZeroDivisionError
    with turns:
        assert turns._free == 0
    assert turns._free == 1


def test_who_is_interrupted_while_waiting_leaves_the_turn_to_others() -> None:
    turns, go_on, inside = CoreTurns(1), threading.Event(), threading.Event()

    def hold() -> None:
        with turns:
            inside.set()
            go_on.wait(30)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    holder = begun(hold)
    inside.wait(30)
    before = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt), turns:
            pass
    finally:
        signal.signal(signal.SIGALRM, before)
    go_on.set()
    holder.join(30)

    entered = threading.Event()

    def enter() -> None:
        with turns:
            entered.set()

    begun(enter)
    assert entered.wait(10)


def test_a_turn_that_came_at_the_moment_of_an_interruption_goes_to_the_next() -> None:
    turns, came = CoreTurns(1), threading.Lock()
    came.acquire()
    with turns:
        turns._waiting.append(came)
    assert (turns._free, came.locked()) == (0, False)
    turns._give_up(came)
    assert turns._free == 1

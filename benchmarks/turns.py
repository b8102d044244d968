"""Runs peers in turns, each in a process of its own, so that a noisy machine is as unfair to each."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

from tqdm import tqdm

from utils.shared_cores import set_up_threads

_MARK = "@"  # of lines that are for the measuring process; a library may print others


@dataclass(frozen=True, slots=True)
class Turns:
    """What a peer did: what it said when it was ready, and each of its turns, in seconds."""

    ready: dict[str, Any]
    all: tuple[float, ...]

    @property
    def warm(self) -> tuple[float, ...]:
        """Its turns without the first, unless there is no other."""
        return self.all[1:] or self.all

    @property
    def median(self) -> float:
        return median(self.warm)


class Peer:
    """A process of this Python that does one turn for each line that it gets.

    Args:
        environment: its whole environment; None = this process's.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        set_up_threads()  # as run.py does: a peer imports torch first
        self.name, self._errors = name, tempfile.TemporaryFile("w+")  # noqa: SIM115  # until end()
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, env=environment,
        )  # fmt: skip
        try:
            self.ready = self._answer() | {"launch": time.perf_counter() - started}
        except RuntimeError:
            self.end()
            raise

    def turn(self) -> float:
        """Return the seconds of its next turn."""
        with suppress(BrokenPipeError):  # it has ended: the answer says so
            print("go", file=self._process.stdin, flush=True)
        return float(self._answer()["seconds"])

    def end(self) -> None:
        """Let it end by itself, so that it ends its own workers, or end it."""
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith(_MARK):
                answer: dict[str, Any] = json.loads(line[1:])
                return answer
        self._errors.seek(0)
        raise RuntimeError(f"The peer {self.name!r} ended:\n{self._errors.read()[-3000:]}")


def take_turns(peers: Mapping[str, Sequence[str]], turns: int) -> dict[str, Turns]:
    """Start a process of this Python for each peer's arguments and let them work in turns.

    Raises:
        RuntimeError: a peer's process ended before its turns did; the message has its last words.
    """
    started: list[Peer] = []
    taken: dict[str, list[float]] = {name: [] for name in peers}
    try:
        for name, arguments in peers.items():
            started.append(Peer(name, arguments))
        with tqdm(total=turns * len(peers), unit="turn", leave=False, disable=None) as bar:
            for _ in range(turns):
                for peer in started:
                    taken[peer.name].append(peer.turn())
                    bar.update()
    finally:
        for peer in started:
            peer.end()
    return {peer.name: Turns(peer.ready, tuple(taken[peer.name])) for peer in started}


def say(**facts: Any) -> None:
    """Tell the measuring process something; called by a peer."""
    print(_MARK + json.dumps(facts), flush=True)


def wait_for_turn() -> bool:
    """Wait in a peer until it is its turn; False when there are no more."""
    return bool(sys.stdin.readline())


def serve(turn: Callable[[], float], **ready: Any) -> None:
    """Be a peer: say that it is ready, then take turns, each of which returns its seconds."""
    say(**ready)
    while wait_for_turn():
        say(seconds=turn())


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started

"""The parts that disturb one storage call after another: kills, failures, signals, power cuts."""

import contextlib
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from os import kill
from pathlib import Path
from typing import Protocol

from tests.faults import disk
from tests.faults.forked import Result, podium_from_its_start
from tests.faults.kinds import CAN_FAIL, Fail, Kill, KillHalfway, Signal
from tests.faults.storage import Call
from tests.faults.trial import Outcome, Place, disturb, go_on, known
from tests.faults.uses import USES, Use, copy_state

_NO_WRITERS = ("compare", "check", "submissions", "train beside", "train on JPEG that is there")
WRITERS = tuple(name for name in USES if name not in _NO_WRITERS)
# Its threads write when they like: which call fails, and so what has to be named, is another each time.
STEADY = tuple(name for name in WRITERS if name != "train with TensorBoard")
STOPPED = (0, 4, 130)  # what a command that got a signal may end with


class Trial(Protocol):
    """Something to try; it is sent to another process."""

    part: str
    use: str

    def run(self, states: Path) -> Outcome: ...


@dataclass(frozen=True)
class KillTrial:
    """Kill before a call, or halfway through a write; then go on."""

    use: str
    call: Call
    halfway: bool = False
    part: str = "Killed"

    def run(self, states: Path) -> Outcome:
        fault = (KillHalfway if self.halfway else Kill)(self.call.number)
        verdict, note = disturb(states, USES[self.use], fault)
        when = "halfway" if self.halfway else "before"
        return Outcome(self.part, self.use, f"{when} {described(self.call)}", verdict, note)


@dataclass(frozen=True)
class FailTrial:
    """Let a call fail: one line says what failed, and after mending the disk the run goes on."""

    use: str
    call: Call
    how: str
    part: str = "Failed call"

    def run(self, states: Path) -> Outcome:
        verdict, note = disturb(states, USES[self.use], Fail(self.call.number, self.how), judge=self._judge)
        return Outcome(self.part, self.use, f"{self.how} at {described(self.call)}", verdict, note)

    def _judge(self, result: Result) -> str:
        if result.hung:
            return "hang"
        if result.traceback:
            return "traceback"
        if result.code not in (0, 4):
            return "wrong code"
        # Only what nobody misses may go without a word: a temporary file that can't be removed.
        said = any(name in result.text for name in _names(self.call)) and "Go on with: " in result.text
        return "unclear" if result.code and not said else ""


@dataclass(frozen=True)
class SignalTrial:
    """Send signals at a call, or after a random time; then go on."""

    use: str
    call: Call
    signals: tuple[str, ...]
    after: float | None = None  # seconds, instead of at the call
    part: str = "Signal"

    def run(self, states: Path) -> Outcome:
        at_random = self.after is not None
        fault = None if at_random else Signal(self.call.number, self.signals)
        meanwhile = self._send if at_random else None
        verdict, note = disturb(states, USES[self.use], fault, meanwhile=meanwhile, judge=judged_stop)
        when = f"after {self.after:.3f} s" if self.after is not None else f"at {described(self.call)}"
        return Outcome(self.part, self.use, f"{', '.join(self.signals)} {when}", verdict, note)

    def _send(self, process: int) -> None:
        for name in self.signals:
            time.sleep(self.after or 0)
            with contextlib.suppress(ProcessLookupError):
                kill(process, signal.Signals[name])


@dataclass(frozen=True)
class EarlySignalTrial:
    """Send a signal to a new process, which imports for seconds; then go on."""

    signal: str
    after: float  # seconds after run.py's first lines
    use: str = "train"
    part: str = "Signal"

    def run(self, states: Path) -> Outcome:
        use = USES[self.use]
        with Place(states) as place:
            copy_state(states, use.state, place.root)
            first = podium_from_its_start(place.root, use.words, self._send)
            verdict, note = go_on(place.root, use, known(states, use), first)
        if verdict == "equal" and (wrong := judged_stop(first)):
            verdict, note = wrong, f"{first.code}: {first.last}"
        described = f"{self.signal} {self.after:.3f} s after run.py began"
        return Outcome(self.part, "train, from its first line", described, verdict, note)

    def _send(self, process: int) -> None:
        time.sleep(self.after)
        with contextlib.suppress(ProcessLookupError):
            kill(process, signal.Signals[self.signal])


@dataclass(frozen=True)
class PowerTrial:
    """Cut the power after a call, as one of the models of a disk has it; then go on."""

    use: str
    call: Call
    model: str
    part: str = "Power cut"

    def run(self, states: Path) -> Outcome:
        use = USES[self.use]
        before = disk.Disk(states / use.state)
        for call in known(states, use).calls[: self.call.number]:
            before.apply(call)
        with Place(states) as place:
            place.root.mkdir()
            disk.write(before.after_a_cut(self.model), place.root)
            (place.root / "data").symlink_to(states / "data")
            verdict, note = go_on(place.root, use, known(states, use))
        return Outcome(self.part, self.use, f"{self.model} after {described(self.call)}", verdict, note)


def judged_stop(result: Result) -> str:
    """Return what is wrong with how a command ended that got a signal; "" = nothing."""
    if result.hung or result.traceback:
        return "hang" if result.hung else "traceback"
    return "" if result.code in STOPPED else "wrong code"


def kills(states: Path, use: Use) -> Iterator[KillTrial]:
    """Yield a kill before each call of a use, and one halfway through each write.

    Where the call before has changed nothing, as fsync, a kill leaves the same disk as one before that call.
    """
    changed = True
    for call in known(states, use).calls:
        if changed:
            yield KillTrial(use.name, light(call))
        changed = call.done and call.kind not in ("fsync", "open")
        if call.kind == "write" and len(call.data) > 1:
            yield KillTrial(use.name, light(call), halfway=True)


def failures(states: Path, use: Use) -> Iterator[FailTrial]:
    """Yield a failure of each call of a use; which of those it can have changes from call to call."""
    for call in (call for call in known(states, use).calls if call.done):
        ways = CAN_FAIL[call.kind]
        yield FailTrial(use.name, light(call), ways[call.number % len(ways)])


def signals(states: Path, use: Use) -> Iterator[Trial]:
    """Yield signals at calls all over a use, and at random moments."""
    calls = known(states, use).calls
    generator = random.Random(use.name)  # the same on each machine
    kinds = (("SIGTERM",), ("SIGHUP",), ("SIGINT",), ("SIGINT", "SIGINT"), ("SIGTERM", "SIGTERM"))
    for number, kind in enumerate(kinds * 3):
        place = int((number + generator.random()) / (3 * len(kinds)) * len(calls))
        yield SignalTrial(use.name, light(calls[place]), kind)
    for kind in kinds:
        yield SignalTrial(use.name, light(calls[0]), kind, after=generator.uniform(0, 0.3))
    for number in range(12 if use.name == "train" else 0):
        yield EarlySignalTrial(kinds[number % 3][0], number / 3 + generator.uniform(0, 0.3))


def power_cuts(states: Path, use: Use) -> Iterator[PowerTrial]:
    """Yield a cut for each state of a disk that differs from all before."""
    state = disk.Disk(states / use.state)
    seen = {disk.digest(state.after_a_cut(model)) for model in disk.MODELS}
    for call in known(states, use).calls:
        state.apply(call)
        for model in disk.MODELS:
            digest = disk.digest(state.after_a_cut(model))
            if digest not in seen:
                seen.add(digest)
                yield PowerTrial(use.name, light(call), model)


def light(call: Call) -> Call:
    """Return a call without its bytes, to be sent to another process."""
    return Call(call.number, call.kind, call.path, target=call.target)


def described(call: Call) -> str:
    """Return a call in words."""
    return f"call {call.number}, {call.kind} {call.path}"


def _names(call: Call) -> list[str]:
    """Return what a message may call the file of a failed call."""
    path = Path(call.path)
    if "/.new-" in call.path:  # called by the name that it will have, or as it is
        return [call.path.partition(".new-")[0]]
    if path.name.endswith(".tmp"):  # .NAME.PROCESS.tmp
        return [path.name.removeprefix(".").rsplit(".", 2)[0]]
    first, *rest = call.path.split("/")
    store = [rest[0].removesuffix(".partial")] if first == "cache" and rest else []
    return [path.name, *store, *([Path(call.target).name] if call.target else [])]

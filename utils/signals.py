"""Ctrl-C, SIGTERM and SIGHUP, which mean the same at any moment: keep what there is to keep, say so, and end.

While a process only imports, a signal ends it on the spot. Later it raises ``Interrupted``, except where
something looks for itself when it can stop (``hold``). A second signal always raises. Imports nothing heavy:
it stands in the first line of run.py.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

EXIT_CODE = 130
_NUMBERS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A signal, by its name, asked the process to stop."""


class _Inbox:
    """What has come, and what is to be done about it."""

    def __init__(self) -> None:
        self.before: dict[int, Any] = {}  # the handlers that were there; none = ours are not installed
        self.received = ""
        self.held = 0  # how many parts of the program look for themselves
        self.importing = self.ending = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        if self.ending:  # the exit code and the last line are decided
            return
        name = signal.Signals(number).name
        if self.importing:  # an exception could be swallowed by whatever is being imported
            os.write(2, f"Interrupted by {name}.\n".encode())
            os._exit(EXIT_CODE)
        first, self.received = not self.received, name
        if not (self.held and first):
            raise Interrupted(name)

    def install(self) -> None:
        for number in _NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
                self.before[number] = signal.signal(number, self.receive)

    def restore(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.__init__()  # type: ignore[misc]


_inbox = _Inbox()


def handle(*, importing: bool = False) -> bool:
    """Take care of signals from now on; return whether nobody did before, and a main thread asks."""
    if _inbox.before or threading.current_thread() is not threading.main_thread():
        return False
    _inbox.importing = importing
    _inbox.install()
    return True


@contextmanager
def handled(*, importing: bool = False) -> Iterator[None]:
    """Take care of signals while inside; what was done about them before is done again after it."""
    mine = handle(importing=importing)
    try:
        yield
    finally:
        if mine:
            _inbox.restore()


def imported() -> None:
    """Say that all imports are over: from now on a signal raises ``Interrupted``."""
    _inbox.importing = False


def ending() -> None:
    """Say that the exit code is decided: from now on a signal changes nothing."""
    _inbox.ending = True


def ignore() -> None:
    """Leave signals to nobody, also while the interpreter takes itself down."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)


def hold() -> None:
    """From now on a first signal is only noted, until ``release``."""
    _inbox.held += 1


def release() -> None:
    """End a ``hold``."""
    _inbox.held -= 1


def received() -> str:
    """Return the name of the signal that was noted and not acted upon, or ""."""
    return _inbox.received


def forget() -> None:
    """Take a noted signal as done: whoever calls this stops for it."""
    _inbox.received = ""


def stop_if_asked() -> None:
    """Raise ``Interrupted`` if a signal was noted."""
    if name := _inbox.received:
        raise Interrupted(name)


@contextmanager
def held() -> Iterator[None]:
    """Let a signal wait for the end of what is inside, and act then."""
    hold()
    try:
        yield
    finally:
        release()
    stop_if_asked()

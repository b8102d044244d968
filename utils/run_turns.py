"""Turns on the cores, for runs whose threads would otherwise push each other aside."""

import fcntl
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from utils import signals

_LASTS = 0.2  # seconds of a turn, if a step isn't longer
_PATIENCE = 5.0  # seconds without moving up in the queue: whoever is before may have been stopped (Ctrl-Z)
_RESTS = 100.0  # seconds until it is waited for again after that, so that it costs a twentieth of the time
_PAUSE = 0.001  # seconds between two looks
_PLACES = 7  # in the queue; who comes to a full one gets in by chance


class RunTurns:
    """A turn that one process at a time has, of those that use the same cores, in the order of their coming.

    The threads of a step wait for each other many hundred times. Where two runs have as many threads as there
    are cores each, every such wait lasts until the other run lets go of a core. The kernel owns the locks, so
    a killed process has no turn. Where there can be no locks, nobody waits.

    Args:
        folder: where the locks are: the same for all who share the cores.

    Attributes:
        waited: seconds, in all.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._queue: list[int] = []  # locks of its places, the last one first, and then of the turn itself
        self._began: float | None = None
        self._rests_until = 0.0
        self.waited = 0.0

    @property
    def over(self) -> bool:
        """Whether it has lasted long enough, or there is none."""
        return self._began is None or time.monotonic() - self._began >= _LASTS

    def taken_at_once(self) -> bool:
        """Take the turn if nobody has it or waits for it; return whether it was."""
        return self._came(0.0)

    def take(self) -> bool:
        """Wait for the turn and take it, or be told to stop by a signal.

        False: it didn't come. Then it is not waited for until it was free, or some time is over.
        """
        began = time.monotonic()
        rests = began < self._rests_until
        came = self._came(0.0 if rests else _PATIENCE)
        now = time.monotonic()
        self.waited += now - began
        if not (came or rests):
            self._rests_until = now + _RESTS
        return came

    def give(self) -> None:
        """Let others have the turn; nothing where this process doesn't have it."""
        if self._began is not None and self._queue:
            fcntl.flock(self._queue[-1], fcntl.LOCK_UN)
        self._began = None

    def _came(self, patience: float) -> bool:
        try:
            self._open_queue()
            came = self._moved_up(patience)
        except OSError:  # a folder or a file system without locks
            return True

        self._began = time.monotonic() if came else None
        if came:
            self._rests_until = 0.0
        return came

    def _moved_up(self, patience: float) -> bool:
        """Go through the queue to the turn; False, and out of the queue, where it stands still."""
        came = False
        try:
            for behind, lock in zip((None, *self._queue), self._queue, strict=False):
                if not _locked(lock, time.monotonic() + patience):
                    return False
                if behind is not None:  # only now: nobody overtakes
                    fcntl.flock(behind, fcntl.LOCK_UN)
            came = True
        finally:
            if not came:
                for lock in self._queue:
                    fcntl.flock(lock, fcntl.LOCK_UN)
        return came

    def _open_queue(self) -> None:
        if self._queue and all(os.fstat(lock).st_nlink for lock in self._queue):
            return
        while self._queue:  # files that were removed, which nobody finds who comes now
            os.close(self._queue.pop())

        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
        name = f"podium-cores-{sum(1 << core for core in cores):x}"
        folder = self._folder or Path(tempfile.gettempdir())
        try:
            for which in (*range(_PLACES, 0, -1), "turn"):
                self._queue.append(_open(folder / f"{name}.{which}"))
        except OSError:
            while self._queue:
                os.close(self._queue.pop())
            raise


def _open(path: Path) -> int:
    """Return a handle of a file that is there or made, by whichever user."""
    # O_NONBLOCK: a pipe that somebody laid there would be waited for
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        handle = os.open(path, flags | os.O_CREAT, 0o644)
        with suppress(PermissionError):  # another user has just made it
            os.fchmod(handle, 0o644)  # for other users too, whatever this one's umask
        return handle


def _locked(file: int, until: float) -> bool:
    """Lock a file; False where it isn't free until then, or a signal asks to stop."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until or signals.received():
                return False
            time.sleep(_PAUSE)
        else:
            return True


turns = RunTurns()

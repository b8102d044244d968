"""Turns on the cores, for runs whose threads would otherwise push each other aside."""

import fcntl
import os
import tempfile
import time
from pathlib import Path

_LASTS = 0.2  # seconds of a turn, if a step isn't longer
_PATIENCE = 5.0  # seconds to wait for one: whoever has it may have been stopped (Ctrl-Z)
_PAUSE = 0.001  # seconds between two looks


class RunTurns:
    """A turn that one process at a time has, of those that use the same cores.

    The threads of a step wait for each other many hundred times. Where two runs have as many threads as there
    are cores each, every such wait lasts until the other run lets go of a core. The kernel owns the locks, so
    a killed process has no turn. Where there can be no locks, nobody waits.

    Args:
        folder: where the locks are: the same for all who share the cores.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._locks: tuple[int, int] | None = None  # who is next, and whose turn it is
        self._began: float | None = None
        self._patience = _PATIENCE

    @property
    def over(self) -> bool:
        """Whether it has lasted long enough, or there is none."""
        return self._began is None or time.monotonic() - self._began >= _LASTS

    def taken_at_once(self) -> bool:
        """Take the turn if nobody has it or waits for it; return whether it was."""
        return self._came(0.0)

    def take(self) -> bool:
        """Wait for the turn and take it; False: it didn't come, and is not waited for until it was free."""
        came = self._came(self._patience)
        self._patience = _PATIENCE if came else 0.0
        return came

    def give(self) -> None:
        """Let others have the turn; nothing where this process doesn't have it."""
        if self._began is not None and self._locks is not None:
            fcntl.flock(self._locks[1], fcntl.LOCK_UN)
        self._began = None

    def _came(self, patience: float) -> bool:
        until = time.monotonic() + patience
        try:
            following, turn = self._locks = self._locks or self._opened()
            if not _locked(following, until):
                return False
            try:  # who waits here gets the next one, before whoever gives it and asks for another
                came = _locked(turn, until)
            finally:
                fcntl.flock(following, fcntl.LOCK_UN)
        except OSError:  # a folder or a file system without locks
            return True
        self._began = time.monotonic() if came else None
        return came

    def _opened(self) -> tuple[int, int]:
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
        name = f"podium-cores-{sum(1 << core for core in cores):x}"
        folder = self._folder or Path(tempfile.gettempdir())
        return _open(folder / f"{name}.next"), _open(folder / f"{name}.turn")


def _open(path: Path) -> int:
    """Return a handle of a file that is there or made, by whichever user."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        handle = os.open(path, flags | os.O_CREAT, 0o644)
        os.fchmod(handle, 0o644)  # for other users too, whatever this one's umask
        return handle


def _locked(file: int, until: float) -> bool:
    """Lock a file; False where it isn't free until then."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)
        else:
            return True


turns = RunTurns()

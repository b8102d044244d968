"""What can happen at a storage call: the process dies, is told to stop, or the call fails."""

import errno
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.faults.storage import Call, NoFault

NEEDS_SPACE = ("create", "write", "mkdir", "truncate")  # what a full disk refuses
# What can go wrong with a call, on a real machine.
CAN_FAIL = {
    "create": ("ENOSPC", "full", "EACCES", "EIO"),
    "open": ("EACCES", "EIO"),
    "write": ("ENOSPC", "full", "EIO", "short"),
    "truncate": ("ENOSPC", "full", "EIO"),
    "mkdir": ("ENOSPC", "full", "EACCES"),
    "rename": ("EIO", "EACCES", "ENOSPC"),
    "fsync": ("EIO", "ENOSPC"),
    "chmod": ("EPERM",),
    "unlink": ("EACCES", "EIO"),
    "rmdir": ("EACCES", "EIO"),
}


@dataclass(frozen=True)
class Kill(NoFault):
    """The process dies before a call, as by ``kill -9`` or a lack of memory."""

    number: int

    def before(self, call: Call) -> None:
        if call.number == self.number:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class KillHalfway(NoFault):
    """The process dies when half of a write is done."""

    number: int

    def only(self, call: Call) -> int | None:
        return len(call.data) // 2 if call.number == self.number else None

    def broken(self, call: Call) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Fail(NoFault):
    """A call fails, or for ``full`` every call from it on that needs space; ``short``: after half a write."""

    number: int
    how: str

    def before(self, call: Call) -> None:
        if self.how == "full":
            fails = call.number >= self.number and call.kind in NEEDS_SPACE
        else:
            fails = call.number == self.number and self.how != "short"
        if fails:
            raise _error(call, "ENOSPC" if self.how == "full" else self.how)

    def only(self, call: Call) -> int | None:
        return len(call.data) // 2 if call.number == self.number and self.how == "short" else None

    def broken(self, call: Call) -> None:
        raise _error(call, "ENOSPC")


@dataclass(frozen=True)
class Signal(NoFault):
    """The process gets signals before a call and before those that follow."""

    number: int
    signals: tuple[str, ...]

    def before(self, call: Call) -> None:
        place = call.number - self.number
        if 0 <= place < len(self.signals):
            os.kill(os.getpid(), signal.Signals[self.signals[place]])


def _error(call: Call, name: str) -> OSError:
    """Return what Python raises where a call fails: with the file's name if the call was given it."""
    number = getattr(errno, name)
    named = call.kind not in ("write", "fsync")
    return OSError(number, os.strerror(number), *([str(Path.cwd() / call.path)] if named else []))

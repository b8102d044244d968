"""Standard output and standard error that may break: what a process does goes on without them."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Guarded:
    """A standard stream that is given up when it can't be written, instead of ending what is done.

    Attributes:
        failure: why it was given up; "" while it works.
    """

    def __init__(self, stream: Any, given_up: Callable[[str], None]) -> None:
        self.stream, self._given_up, self.failure = stream, given_up, ""
        if stream is None:  # it was closed before Python began
            self._give_up("it is closed")
        elif hasattr(stream, "reconfigure"):
            with suppress(OSError, ValueError):  # names of files may be in letters that it has not
                stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        self._try(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(lambda: self.stream.flush())

    def isatty(self) -> bool:
        return not self.failure and bool(self.stream.isatty())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _try(self, what: Callable[[], object]) -> None:
        if self.failure:
            return
        try:
            what()
        except OSError as error:
            self._give_up(error.strerror or str(error))
        except ValueError as error:  # closed by somebody in this process
            self._give_up(str(error))

    def _give_up(self, why: str) -> None:
        self.failure = why
        # What still waits in its buffer must not fail again when the interpreter ends.
        with suppress(OSError, ValueError, AttributeError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.stream.fileno())
            os.close(nothing)
        self._given_up(why)


@contextmanager
def guarded_terminal() -> Iterator[Guarded]:
    """Guard both streams while inside; yields standard output."""
    _occupy_closed()
    before = sys.stdout, sys.stderr
    error = Guarded(sys.stderr, lambda why: None)

    def say(why: str) -> None:
        if why != os.strerror(32):  # a reader that went away, as in ``| head``, knows
            print(f"Standard output can't be written ({why}): going on without it.", file=error)

    output = Guarded(sys.stdout, say)
    sys.stdout, sys.stderr = output, error
    try:
        yield output
    finally:
        output.flush()
        error.flush()
        sys.stdout, sys.stderr = before


def _occupy_closed() -> None:
    """Open what was closed of the three standard files, or the next file would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number

"""What native libraries print on standard error while others work: some say nowhere else what went wrong."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TextIO

_STDERR = 2  # the descriptor that C's stderr writes to
_one_at_a_time = threading.RLock()


class NativeMessages:
    """All that was written to standard error since its capture began."""

    def __init__(self, file: IO[bytes], terminal: TextIO) -> None:
        self._file = file
        self._explained: set[str] = set()
        self.terminal = terminal  # where standard error led before

    @property
    def size(self) -> int:
        """How many bytes were written by now."""
        return os.fstat(self._file.fileno()).st_size

    def since(self, mark: int) -> str:
        """Return what was written since there were ``mark`` bytes; it will not be passed on."""
        text = os.pread(self._file.fileno(), self.size - mark, mark).decode("utf-8", "replace")
        self._explained.update(text.splitlines())
        return text

    def unexplained(self) -> list[str]:
        """Return the lines that nobody asked for, which still belong on the terminal."""
        text = os.pread(self._file.fileno(), self.size, 0).decode("utf-8", "replace")
        return [line for line in text.splitlines() if line not in self._explained]


@contextmanager
def native_messages() -> Iterator[NativeMessages]:
    """Catch what the process writes to standard error meanwhile, by descriptor; the rest follows afterwards.

    Nested use catches in the inner one. It is the process's one standard error: other threads' words come
    late, and not at all if the process is killed.
    """
    with _one_at_a_time, _memory_file() as file:
        sys.stderr.flush()
        saved = os.dup(_STDERR)
        with os.fdopen(saved, "w", encoding="utf-8", errors="replace") as terminal:
            messages = NativeMessages(file, _shown_on(terminal))
            os.dup2(file.fileno(), _STDERR)
            try:
                yield messages
            finally:
                sys.stderr.flush()
                os.dup2(saved, _STDERR)
                for line in messages.unexplained():
                    print(line, file=terminal)


def _shown_on(terminal: TextIO) -> TextIO:
    """Return what stands for Python's standard error meanwhile: itself, if something took its place."""
    try:
        return terminal if sys.stderr.fileno() == _STDERR else sys.stderr
    except (OSError, ValueError, AttributeError):  # it has no descriptor
        return sys.stderr


def _memory_file() -> IO[bytes]:
    """Return a file that needs no disk where the system has such."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("messages"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)

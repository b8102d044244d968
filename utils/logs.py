"""What a run says, to the terminal and into its folder."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

from utils.printable import printable

log = logging.getLogger("podium")


class _BesideBars(logging.Handler):
    """Prints to standard output without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(printable(self.format(record)), file=sys.stdout)
        sys.stdout.flush()


class _Printable(logging.Formatter):
    """Writes what came from files and tables so that whoever shows the log obeys none of it."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _File(logging.FileHandler):
    """A log whose failing stops nothing: that is said once, and each line is tried anew."""

    _complained = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            raise
        if not self._complained:
            self._complained = True
            log.warning("%s", _cannot(self.baseFilename, error))

    def close(self) -> None:
        with suppress(OSError):  # of what could not be written before
            super().close()


def log_to_terminal() -> None:
    """Print what is logged; called once, by run.py."""
    if not any(isinstance(handler, _BesideBars) for handler in log.handlers):
        log.addHandler(_BesideBars())
    log.setLevel(logging.INFO)


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append what is logged inside to a run's ``log.txt`` as well, as far as that can be written."""
    try:
        handler = _File(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        log.warning("%s", _cannot(path, error))
        yield
        return
    handler.setFormatter(_Printable("%(asctime)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def _cannot(path: Path | str, error: OSError) -> str:
    return f"{path} can't be written ({error.strerror or error}): going on without it."

"""What a run says, to the terminal and into its folder."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


def log_to_terminal() -> None:
    """Print what is logged; called once, by run.py."""
    if not any(isinstance(handler, _BesideBars) for handler in log.handlers):
        log.addHandler(_BesideBars())
    log.setLevel(logging.INFO)


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append what is logged inside to a run's ``log.txt`` as well."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Printable("%(asctime)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()

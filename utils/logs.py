"""What a run says, to the terminal and into its folder."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

log = logging.getLogger("podium")


class _BesideBars(logging.Handler):
    """Prints to standard output without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stdout)
        sys.stdout.flush()


def log_to_terminal() -> None:
    """Print what is logged; called once, by run.py."""
    if not any(isinstance(handler, _BesideBars) for handler in log.handlers):
        log.addHandler(_BesideBars())
    log.setLevel(logging.INFO)


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append what is logged inside to a run's ``log.txt`` as well."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
